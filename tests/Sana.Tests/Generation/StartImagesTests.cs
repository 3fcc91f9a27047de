using System.Text.Json;
using NetVips;
using Sana.Curation.Ingest;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Tests.Ingest.Hostile;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Generation;

/// <summary>Pictures that images begin from: their files, and what a run and a job make of them.</summary>
public sealed class StartImagesTests
{
    private static readonly GenerateOptions _small = new() { Steps = 2, UseResolutionBinning = false };

    [Fact]
    public void A_picture_is_what_ingest_makes_of_it()
    {
        var turned = JpegBytes.Insert(Pictures.CornerJpeg, JpegBytes.Orientation(6));

        var start = StartImages.Open(turned, null, 0.5).Image;

        Assert.Equal((Pictures.Height, Pictures.Width, Digest.Sha256(turned), 0.5), (start.Width, start.Height, start.Sha256, start.Strength));
        var expected = Pictures.Corners[2]; // lower left comes to the upper left
        Assert.All(Enumerable.Range(0, 3), channel => Assert.InRange(Math.Abs(start.Pixels!.Image.Pixels[channel] - expected[channel]), 0, 4));
    }

    [Fact]
    public void Fully_transparent_pixels_are_painted_and_no_others()
    {
        byte[] alpha = [0, 1, 127, 128, 254, 255, 0, 0];
        var mask = StartImages.Open(Flat(8, 1, 9, 9, 9), WithAlpha(8, 1, alpha, i => (byte)(i * 36)), null).Image.Pixels!.Mask!;

        Assert.Equal(alpha.Select(level => level == 0), mask.At(1, 8));
    }

    [Fact]
    public void Without_transparency_white_is_painted()
    {
        var mask = StartImages.Open(Flat(2, 1, 9, 9, 9), Png(2, 1, [200, 200, 200, 60, 60, 60]), null).Image.Pixels!.Mask!;

        Assert.Equal([true, false], mask.At(1, 2));
    }

    [Fact]
    public void A_picture_with_holes_is_its_own_mask_where_that_is_asked_for()
    {
        var picture = WithAlpha(2, 1, [0, 255], _ => 50);

        var own = StartImages.Open(picture, null, null, hasOwnMask: true);
        var plain = StartImages.Open(picture, null, null);

        Assert.Equal([true, false], own.Image.Pixels!.Mask!.At(1, 2));
        Assert.Equal((own.Image.Sha256, 1), (own.Image.MaskSha256, own.Files.Count));
        Assert.Null(plain.Image.MaskSha256);
        Assert.Null(StartImages.Open(WithAlpha(2, 1, [1, 255], _ => 50), null, null, hasOwnMask: true).Image.MaskSha256);
    }

    [Fact]
    public void What_is_no_picture_is_one_sentence()
    {
        var good = Flat(4, 4, 1, 2, 3);

        Assert.StartsWith("Image: The file has no bytes", Fault([], null), StringComparison.Ordinal);
        Assert.StartsWith("Image: The file is no image", Fault("#!/bin/sh"u8.ToArray(), null), StringComparison.Ordinal);
        Assert.StartsWith("Mask: The png ends", Fault(good, good[..^20]), StringComparison.Ordinal);
        Assert.StartsWith("Mask has 2×2 pixels and the image 4×4", Fault(good, Flat(2, 2, 255, 255, 255)), StringComparison.Ordinal);
        Assert.StartsWith("Mask paints nothing", Fault(good, Flat(4, 4, 0, 0, 0)), StringComparison.Ordinal);
        Assert.All(CutFiles.All().Concat(DamagedFiles.All()).Where(file => file.Reason is not null), file => Assert.DoesNotContain('\n', Fault(file.Bytes, null)));

        static string Fault(byte[] image, byte[]? mask) => Assert.Throws<InferenceException>(() => StartImages.Open(image, mask, null)).Message;
    }

    [Fact]
    public async Task A_run_says_what_it_began_from_and_a_part_that_is_lost_is_made_again_with_the_same_bytes()
    {
        using var folder = new TempFolder();
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        using var networks = new NetworkLoader { Checkpoint = checkpoint.Folder };
        var renderer = await networks.LoadPipeline(default);
        var blobs = FileBlobs.Open(folder.File("blobs"));
        var start = StartImages.Open(Pictures.CornerPng, WithAlpha(Pictures.Width, Pictures.Height, [.. Enumerable.Range(0, Pictures.Width * Pictures.Height).Select(i => (byte)(i % Pictures.Width < 48 ? 0 : 255))], _ => 0), 0.7);
        var job = new GenerateJob { Prompts = PromptFile.Of(["a red house", "a lighthouse"]), Options = _small with { StartImage = start.Image } };
        Assert.False(File.Exists(checkpoint.PathOf("vae/encoder.onnx")));

        var run = await MemoryHost.Run(blobs, renderer, job, start);

        Assert.Equal((2, 0), (run.Made, run.Failed));
        Assert.True(File.Exists(checkpoint.PathOf("vae/encoder.onnx")));
        var before = await Tree.Of(blobs, "runs/");
        var image = (await blobs.List($"runs/{run.RunId}/images/", default).ToListAsync()).First(blob => blob.Name.EndsWith(".png", StringComparison.Ordinal)).Name;
        using var record = JsonDocument.Parse((await blobs.Read(Path.ChangeExtension(image, ".json"), default))!);
        var said = record.RootElement.GetProperty("settings").GetProperty("start_image");
        Assert.Equal((start.Image.Sha256, start.Image.MaskSha256, 0.7), (said.GetProperty("sha256").GetString(), said.GetProperty("mask_sha256").GetString(), said.GetProperty("strength").GetDouble()));
        Assert.Contains(start.Image.Sha256, System.Text.Encoding.Latin1.GetString((await blobs.Read(image, default))!), StringComparison.Ordinal);
        var made = ImageIngest.Decode((await blobs.Read(image, default))!);
        Assert.Equal((Pictures.Width, Pictures.Height), (made.Width, made.Height));
        Assert.Equal(Pictures.Corners[1], made.Pixels[(3 * (Pictures.Width - 1))..(3 * Pictures.Width)]); // the upper right is kept

        await blobs.Delete(image, default);
        await blobs.Delete(Path.ChangeExtension(image, ".json"), default);
        await MemoryHost.Run(blobs, renderer, job, start);
        Assert.Equal(before, await Tree.Of(blobs, "runs/"));
        Assert.NotEqual(run.RunId, RunIdentity.Of(job with { Options = job.Options with { StartImage = start.Image with { Strength = 0.6 } } }, renderer).RunId);
        Assert.NotEqual(run.RunId, RunIdentity.Of(job with { Options = job.Options with { StartImage = start.Image with { MaskSha256 = null } } }, renderer).RunId);
    }

    [Fact]
    public async Task A_message_names_a_hash_and_the_worker_looks_at_the_file_itself()
    {
        await using var host = new JobHost.Sqlite();
        var start = StartImages.Open(Pictures.CornerPng, null, 0.5);
        await start.Write(host.Blobs, default);
        await host.Blobs.Put($"work/images/{new string('a', 64)}", Pictures.CornerPng, default);
        await host.Blobs.Put($"work/images/{Digest.Sha256("none"u8)}", "none"u8.ToArray(), default);

        foreach (var (id, sha256) in new[] { ("good", start.Image.Sha256), ("path", "../../config/curation.json"), ("missing", new string('b', 64)), ("swapped", new string('a', 64)), ("none", Digest.Sha256("none"u8)) })
            await host.Queue.Send(new JobMessage { JobId = id, Input = new JobInput { StartImage = new StartImage(sha256) { Strength = 0.5 } } });
        var verdicts = new List<(Jobs.Worker.SettlementKind, string?, string?)>();
        while (await host.Turn() is { } verdict)
            verdicts.Add((verdict.Kind, verdict.Reason, verdict.Message));

        Assert.Equal(Jobs.Worker.SettlementKind.Complete, verdicts[0].Item1);
        Assert.All(verdicts.Skip(1), verdict => Assert.Equal((Jobs.Worker.SettlementKind.DeadLetter, FaultReason.BadInput), (verdict.Item1, verdict.Item2)));
        Assert.Contains("64 lower-case hexadecimal digits", verdicts[1].Item3, StringComparison.Ordinal);
        Assert.Contains("send the picture again", verdicts[2].Item3, StringComparison.Ordinal);
        Assert.Contains("another file than its name says", verdicts[3].Item3, StringComparison.Ordinal);
        Assert.Contains("Image: The file is no image", verdicts[4].Item3, StringComparison.Ordinal);
        var record = JsonDocument.Parse((await host.Blobs.Read("jobs/good/images/good/good/0000-0.json", default))!).RootElement.GetProperty("settings").GetProperty("start_image");
        Assert.Equal((Pictures.Width, Pictures.Height), (record.GetProperty("width").GetInt32(), record.GetProperty("height").GetInt32()));
    }

    internal static byte[] Flat(int width, int height, params byte[] colour) => Png(width, height, [.. Enumerable.Repeat(colour, width * height).SelectMany(levels => levels)]);

    internal static byte[] WithAlpha(int width, int height, byte[] alpha, Func<int, byte> level)
    {
        using var raw = Image.NewFromMemory((byte[])[.. alpha.SelectMany((opacity, i) => (byte[])[level(i), level(i), level(i), opacity])], width, height, 4, Enums.BandFormat.Uchar);
        using var named = raw.Copy(interpretation: Enums.Interpretation.Srgb);
        return named.PngsaveBuffer(keep: Enums.ForeignKeep.None);
    }

    private static byte[] Png(int width, int height, byte[] pixels) => ImageCodec.Encode(new RgbImage(width, height, pixels), ImageFormat.Png);
}
