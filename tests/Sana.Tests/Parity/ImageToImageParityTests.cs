using System.Text.Json;
using Sana.GraphBuilder.Models;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Image to image against the reference: Sprint as diffusers runs it, plain Sana with the reference's own parts, with a mask and without.</summary>
[Trait("Category", "Parity")]
public sealed class ImageToImageParityTests
{
    private static readonly SafetensorsReader _expected = SafetensorsReader.OpenFile(Path.Combine(Fixtures.Adapters, "expected.safetensors"));
    private static readonly JsonElement _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json"))).RootElement;

    public static IEnumerable<TheoryDataRow<string, string, string>> Runs() =>
        from kind in new[] { (Set: "img2img", Checkpoint: "sana-sprint"), (Set: "flow", Checkpoint: "sana") }
        from run in _json.GetProperty(kind.Set).EnumerateObject()
        select new TheoryDataRow<string, string, string>(kind.Checkpoint, kind.Set, run.Name);

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_is_the_references(string checkpoint, string set, string name)
    {
        var run = _json.GetProperty(set).GetProperty(name);
        using var reference = new ReferenceCheckpoint(checkpoint);
        using var pipeline = Pipeline(reference);
        var (options, steps, last) = (OptionsOf(set, name), 0, default(FloatTensor));

        var images = pipeline.Generate([new ImageRequest(run.GetProperty("prompt").GetString()!, Seed: 0)], options, Noise, (step, _, latents) =>
        {
            Assert.Equal(steps++, step);
            last = new FloatTensor([.. latents.Data], latents.Shape);
            Close.To(_expected.Floats($"{set}.{name}.latents.{step}"), latents.Data, ReferenceCheckpoint.RunTolerance);
        });

        Assert.Null(images[0].Failure);
        Assert.Equal(_expected.Names.Count(tensor => tensor.StartsWith($"{set}.{name}.latents.", StringComparison.Ordinal)), steps);
        // With a mask the picture is laid back over what the reference stores.
        RunParityTests.CheckPixels(_expected.Bytes($"{set}.{name}.image"), options.StartImage!.MaskSha256 is null ? images[0].Image!.Pixels : Decoded(pipeline, last));

        FloatTensor Noise(int stream, int height, int width) => Tensor(set == "flow" ? $"flow.{name}.noise" : $"img2img.{name}.noise.{stream}");
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Where_it_begins_is_the_references(string checkpoint, string set, string name)
    {
        var run = _json.GetProperty(set).GetProperty(name);
        using var reference = new ReferenceCheckpoint(checkpoint);
        var options = OptionsOf(set, name);
        using var encoder = new StartLatents(() => Encoder(reference), int.MaxValue);

        var start = encoder.Of(options.StartImage!, options.Height!.Value, options.Width!.Value, default);

        if (run.TryGetProperty("steps_run", out var left))
            Assert.Equal(left.GetInt32(), options.Steps - options.StartImage!.FirstStep(options.Steps!.Value));
        if (set != "flow")
            return;
        Assert.Equal(run.GetProperty("start").GetInt32(), options.StartImage!.FirstStep(options.Steps!.Value));
        Close.To(_expected.Floats("flow.latent"), start.Clean.Data, ReferenceCheckpoint.AutoencoderTolerance);
        var sigma = run.GetProperty("sigmas")[0].GetSingle();
        Close.To(_expected.Floats($"flow.{name}.start"), start.At(Tensor($"flow.{name}.noise"), (clean, noise, state) => FlowPath.Mix(sigma, clean, noise, state)).Data, ReferenceCheckpoint.AutoencoderTolerance);
        Assert.Equal(run.GetProperty("mask").GetBoolean() ? _expected.Floats("flow.mask.cells").Select(cell => cell > 0.5f) : null, start.Painted);
    }

    [Fact]
    public void What_the_mask_keeps_is_the_picture_and_what_it_paints_is_made()
    {
        var name = _json.GetProperty("flow").EnumerateObject().First(run => run.Value.GetProperty("mask").GetBoolean()).Name;
        using var reference = new ReferenceCheckpoint("sana");
        using var pipeline = Pipeline(reference);
        var options = OptionsOf("flow", name);
        var (picture, mask) = (options.StartImage!.Pixels!.Image, options.StartImage.Pixels.Mask!);
        var last = default(FloatTensor);

        var made = pipeline.Generate([new ImageRequest(_json.GetProperty("flow").GetProperty(name).GetProperty("prompt").GetString()!, 0)], options, (_, _, _) => Tensor($"flow.{name}.noise"), (_, _, latents) =>
            last = new FloatTensor([.. latents.Data], latents.Shape))[0].Image!;

        var bare = Decoded(pipeline, last);
        var (kept, blended) = (0, 0);
        for (var i = 0; i < mask.Levels.Length; i++)
        {
            var near = NearestPainted(mask, i);
            for (var channel = 3 * i; channel < (3 * i) + 3; channel++)
            {
                if (near == 0)
                    Assert.Equal(bare[channel], made.Pixels[channel]);
                else if (near > 8)
                    Assert.Equal(picture.Pixels[channel], made.Pixels[channel]);
                else
                    Assert.InRange(made.Pixels[channel], Math.Min(bare[channel], picture.Pixels[channel]), Math.Max(bare[channel], picture.Pixels[channel]));
            }

            kept += near > 8 ? 1 : 0;
            blended += near is > 0 and <= 8 ? 1 : 0;
        }

        Assert.True(kept > 100 && blended > 100);
    }

    [Fact]
    public void With_Sprint_the_cells_that_stay_end_as_the_pictures_own()
    {
        var name = _json.GetProperty("img2img").EnumerateObject().First(run => run.Value.GetProperty("steps_run").GetInt32() > 1).Name;
        using var reference = new ReferenceCheckpoint("sana-sprint");
        using var pipeline = Pipeline(reference);
        var options = OptionsOf("img2img", name);
        var picture = options.StartImage!.Pixels!.Image;
        var mask = new PaintMask(picture.Width, picture.Height, [.. Enumerable.Range(0, picture.Width * picture.Height).Select(i => (byte)(i % picture.Width < 32 ? 255 : 0))]);
        options = options with { StartImage = StartImage.Of(new StartPixels(picture, mask), 1) };
        using var encoder = new StartLatents(() => Encoder(reference), int.MaxValue);
        var start = encoder.Of(options.StartImage, options.Height!.Value, options.Width!.Value, default);
        var last = Array.Empty<float>();

        pipeline.Generate([new ImageRequest("a red bicycle", 1)], options, (stream, _, _) => Tensor($"img2img.{name}.noise.{Math.Min(stream, 1)}"), (_, _, latents) => last = [.. latents.Data]);

        const float SigmaData = 0.5f;
        for (var i = 0; i < last.Length; i++)
        {
            if (start.Painted![i % start.Painted.Length])
                Assert.NotEqual(start.Clean.Data[i] * SigmaData, last[i]);
            else
                Assert.Equal(start.Clean.Data[i] * SigmaData, last[i]);
        }
    }

    [Fact]
    public void Two_images_of_a_batch_begin_from_the_same_picture_and_are_those_that_are_made_alone()
    {
        var set = _json.GetProperty("img2img").EnumerateObject().First(run => run.Value.GetProperty("steps_run").GetInt32() > 1).Name;
        using var reference = new ReferenceCheckpoint("sana-sprint");
        using var pipeline = Pipeline(reference);
        var options = OptionsOf("img2img", set);

        var together = pipeline.Generate([new ImageRequest("a red bicycle", 1), new ImageRequest("a red bicycle", 2)], options);
        var alone = pipeline.Generate([new ImageRequest("a red bicycle", 2)], options);

        Assert.NotEqual(together[0].Image!.Pixels, together[1].Image!.Pixels);
        RunParityTests.CheckPixels(alone[0].Image!.Pixels, together[1].Image!.Pixels);
    }

    private static SanaPipeline Pipeline(ReferenceCheckpoint reference) => RunParityTests.Pipeline(reference, loadEncoder: () => Encoder(reference));

    private static OnnxModel Encoder(ReferenceCheckpoint reference) => reference.LoadWithMetadata(SanaGraphs.Encoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights), "vae");

    private static GenerateOptions OptionsOf(string set, string name)
    {
        var run = _json.GetProperty(set).GetProperty(name);
        var shape = _expected.Shape($"{set}.image");
        var picture = new RgbImage(shape[1], shape[0], _expected.Bytes($"{set}.image").ToArray());
        var mask = run.TryGetProperty("mask", out var masked) && masked.GetBoolean() ? new PaintMask(shape[1], shape[0], _expected.Bytes("flow.mask").ToArray()) : null;
        return new GenerateOptions
        {
            Height = run.GetProperty("height").GetInt32(),
            Width = run.GetProperty("width").GetInt32(),
            Steps = run.GetProperty("steps").GetInt32(),
            UseResolutionBinning = false,
            Solver = set == "img2img" ? SolverKind.Scm : name.StartsWith("euler", StringComparison.Ordinal) ? SolverKind.FlowEuler : SolverKind.FlowDpm,
            StartImage = StartImage.Of(new StartPixels(picture, mask), run.GetProperty("strength").GetDouble()),
        };
    }

    private static byte[] Decoded(SanaPipeline pipeline, FloatTensor latents)
    {
        var decoded = pipeline.Decode(latents);
        var (height, width) = ((int)decoded.Shape[2], (int)decoded.Shape[3]);
        return Pixels.FromDecoded(decoded.Data, height, width, height, width).Pixels;
    }

    private static int NearestPainted(PaintMask mask, int i)
    {
        var (y, x) = (i / mask.Width, i % mask.Width);
        var nearest = int.MaxValue;
        for (var row = Math.Max(0, y - 9); row <= Math.Min(mask.Height - 1, y + 9); row++)
        {
            for (var column = Math.Max(0, x - 9); column <= Math.Min(mask.Width - 1, x + 9); column++)
            {
                if (mask.Levels[(row * mask.Width) + column] >= 128)
                    nearest = Math.Min(nearest, Math.Abs(row - y) + Math.Abs(column - x));
            }
        }

        return nearest;
    }

    private static FloatTensor Tensor(string name) => new(_expected.Floats(name), [.. _expected.Shape(name).Select(side => (long)side)]);
}
