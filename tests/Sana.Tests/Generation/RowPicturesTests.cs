using System.Text;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Generation;

/// <summary>Rows of a list that begin from pictures: files beside the list, taken by their hashes.</summary>
public sealed class RowPicturesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileBlobs _blobs;

    public RowPicturesTests()
    {
        _blobs = FileBlobs.Open(_folder.File("blobs"));
        Directory.CreateDirectory(_folder.File("list/pictures"));
        File.WriteAllBytes(_folder.File("list/pictures/park.png"), Park);
        File.WriteAllBytes(_folder.File("list/mask.png"), Half);
        File.WriteAllText(_folder.File("list/broken.png"), "no picture");
    }

    private static byte[] Park { get; } = Png(60);

    private static byte[] Half { get; } = Png(255);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Rows_begin_from_the_files_that_they_name()
    {
        var prompts = await Take("""
            {"prompt": "plain"}
            {"prompt": "a dog", "image": "pictures/park.png", "strength": 0.25}

            {"prompt": "an owl", "image": "pictures/park.png", "mask": "mask.png", "lora": "pixel", "seed": 3}
            {"custom_id": "b", "method": "POST", "url": "/v1/images/edits", "body": {"prompt": "a hen", "image": "pictures/park.png", "seed": 18446744073709551615}}
            """);

        var rows = prompts.Rows().ToArray();
        Assert.Equal([1, 2, 4, 5], rows.Select(row => row.Row));
        Assert.Equal([null, Digest.Sha256(Park), Digest.Sha256(Park), Digest.Sha256(Park)], rows.Select(row => row.Prompt!.StartImage?.Sha256));
        Assert.Equal((Digest.Sha256(Half), 64, 32), (rows[2].Prompt!.StartImage!.MaskSha256, rows[2].Prompt!.StartImage!.Width, rows[2].Prompt!.StartImage!.Height));
        Assert.Equal((ulong.MaxValue, "b"), (rows[3].Prompt!.Seeds![0], rows[3].Prompt!.Id));
        Assert.All(rows, row => Assert.Null(row.Prompt!.Picture));

        var batches = new RenderPlan(new GenerateJob { Prompts = prompts }, new FakeRenderer()).Items().OfType<RenderBatch>().ToDictionary(batch => batch.Images[0].Request.Prompt);
        Assert.Null(batches["plain"].Options.StartImage);
        Assert.Equal((Digest.Sha256(Park), 0.25), (batches["a dog"].Options.StartImage!.Sha256, batches["a dog"].Options.StartImage!.Strength));
        Assert.Null(batches["a hen"].Options.StartImage!.Strength);
        Assert.Equal(Park, await _blobs.Read($"work/images/{Digest.Sha256(Park)}", default));
        Assert.Equal(Half, await _blobs.Read($"work/images/{Digest.Sha256(Half)}", default));
    }

    [Fact]
    public async Task A_run_depends_on_what_pictures_hold_and_not_on_where_they_are()
    {
        var before = (await Take("""{"prompt": "a dog", "image": "pictures/park.png"}""")).Sha256();
        File.Move(_folder.File("list/pictures/park.png"), _folder.File("list/moved.png"));
        var moved = (await Take("""{"prompt": "a dog", "image": "moved.png"}""")).Sha256();
        File.WriteAllBytes(_folder.File("list/moved.png"), Png(61));
        var other = (await Take("""{"prompt": "a dog", "image": "moved.png"}""")).Sha256();

        Assert.Equal(before, moved);
        Assert.NotEqual(before, other);
    }

    [Theory]
    [InlineData("""{"prompt": "a", "image": "nowhere.png"}""", "image 'nowhere.png' cannot be read")]
    [InlineData("""{"prompt": "a", "image": "broken.png"}""", "Image: ")]
    [InlineData("""{"prompt": "a", "image": "pictures/park.png", "mask": "broken.png"}""", "Mask: ")]
    [InlineData("""{"prompt": "a", "image": "pictures"}""", "image 'pictures' cannot be read")]
    [InlineData("""{"prompt": "a", "mask": "mask.png"}""", "a mask and no image")]
    [InlineData("""{"prompt": "a", "image": "pictures/park.png", "strength": 0}""", "strength 0 is not a number above 0")]
    [InlineData("""{"prompt": "a", "start_image": {"sha256": "../secret"}}""", "no sha256 of 64 lower-case hexadecimal digits")]
    public async Task A_picture_that_cannot_be_used_rejects_its_row_alone(string line, string part)
    {
        var rows = (await Take($$"""
            {"prompt": "a dog", "image": "pictures/park.png"}
            {{line}}
            """)).Rows().ToArray();

        Assert.NotNull(rows[0].Prompt!.StartImage);
        Assert.Contains(part, rows[1].Rejection!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt": "a", "image": "/etc/passwd"}""", "files of rows are read by sana generate alone")]
    [InlineData("""{"prompt": "a", "strength": 0.5}""", "there is none")]
    public void A_path_that_nobody_took_is_not_read(string line, string part)
    {
        var prompts = new PromptFile(() => new MemoryStream(Encoding.UTF8.GetBytes(line)), ".jsonl");

        var rejected = Assert.IsType<RejectedRow>(Assert.Single(new RenderPlan(new GenerateJob { Prompts = prompts }, new FakeRenderer()).Items()));

        Assert.Contains(part, rejected.Rejection.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lists_of_other_programs_keep_what_they_say_in_these_fields()
    {
        var row = Assert.Single((await Take("""{"prompt": "a", "image": {"bytes": "AAAA", "path": "x.png"}}""")).Rows());

        Assert.Equal(["image"], row.Unknown);
        Assert.Null(row.Prompt!.StartImage);
    }

    [Fact]
    public async Task Pictures_of_rows_stay_while_their_run_is_known()
    {
        await using var host = await JobHost.Sqlite.Start(DateTimeOffset.UtcNow);
        var prompts = await RowPictures.Take(new PromptFile(() => new MemoryStream("""{"prompt": "a dog", "image": "pictures/park.png"}"""u8.ToArray()), ".jsonl"), _folder.File("list"), host.Blobs, default);

        var document = await GenerateSubmission.Write(host.Blobs, new GenerateJob { Prompts = prompts }, default);

        Assert.Equal([$"work/images/{Digest.Sha256(Park)}"], GenerateSubmission.PicturesOfRows(host.Blobs, (await host.Blobs.Read(document, default))!));
    }

    private async Task<PromptFile> Take(string lines)
    {
        var list = _folder.File("list/list.jsonl");
        await File.WriteAllTextAsync(list, lines);
        return await RowPictures.Take(PromptFile.Open(list), _folder.File("list"), _blobs, default);
    }

    private static byte[] Png(byte left)
    {
        var pixels = new byte[64 * 32 * 3];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = i / 3 % 64 < 32 ? left : (byte)0;
        return ImageCodec.Encode(new RgbImage(64, 32, pixels), ImageFormat.Png);
    }
}
