using System.Text.Json;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>Whole runs, prompt to pixels, from the reference's own noise.</summary>
[Trait("Category", "Parity")]
public sealed class RunParityTests
{
    private const double LevelsThatMayDiffer = 0.005; // of the 8-bit values, by one level

    public static IEnumerable<TheoryDataRow<string, string>> Runs() =>
        from checkpoint in ReferenceCheckpoint.Names
        from run in Fixtures.Json("expected", $"{checkpoint}.json").RootElement.GetProperty("runs").EnumerateObject()
        select new TheoryDataRow<string, string>(checkpoint, run.Name);

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_is_the_references(string checkpoint, string name)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        using var pipeline = Pipeline(reference);
        var run = reference.Json.GetProperty("runs").GetProperty(name);
        var requests = run.GetProperty("prompts").Deserialize<string[]>()!.Select(prompt => new ImageRequest(prompt, Seed: 0)).ToArray();
        var options = OptionsOf(run);

        var images = pipeline.Generate(requests, options, Noise, Observe);

        Assert.All(images, image => Assert.Null(image.Failure));
        Assert.Equal((run.GetProperty("generated_height").GetInt32(), run.GetProperty("generated_width").GetInt32()), pipeline.SizeFor(pipeline.Resolve(options)));
        CheckPixels(reference, name, [.. images.SelectMany(image => image.Image!.Pixels)]);
        CheckResized(reference, name, pipeline, options);

        FloatTensor Noise(int stream, int height, int width) => reference.Tensor(stream == 0 ? $"run.{name}.noise" : $"run.{name}.step_noise.{stream - 1}");

        void Observe(int step, FloatTensor velocity, FloatTensor latents)
        {
            Close.To(reference.Expected.Floats($"run.{name}.velocity.{step}"), velocity.Data, ReferenceCheckpoint.RunTolerance);
            Close.To(reference.Expected.Floats($"run.{name}.latents.{step}"), latents.Data, ReferenceCheckpoint.RunTolerance);
        }
    }

    internal static SanaPipeline Pipeline(ReferenceCheckpoint reference, Arithmetic? arithmetic = null, bool extended = false, IReadOnlyList<Adapter>? adapters = null, Func<OnnxModel>? loadEncoder = null, ControlShelf? controls = null)
    {
        var files = reference.Files;
        var tokenizer = GemmaTokenizer.Load(Path.Combine(reference.Folder, "tokenizer"));
        var encoder = new TextEncoder(reference.Load(SanaGraphs.TextEncoder(files.TextEncoder, files.TextEncoderWeights, arithmetic), "text_encoder"));
        var transformer = new SanaTransformer(
            reference.Load(SanaGraphs.Conditioning(files.Transformer, files.TransformerWeights, arithmetic, extended: extended), "transformer"),
            reference.LoadWithMetadata(SanaGraphs.Denoiser(files.Transformer, files.TransformerWeights, files.Clamp.On, arithmetic, extended: extended), "transformer"));
        var autoencoder = new AutoencoderDC(reference.LoadWithMetadata(SanaGraphs.Decoder(files.Autoencoder, files.AutoencoderWeights), "vae"));
        var prompts = new PromptEncoder(tokenizer, () => ComplexHumanInstruction.Load(reference.Folder, tokenizer), encoder, capacity: 8);
        return new SanaPipeline(prompts, new LoadedTransformer(transformer, _ => transformer), inFloat32: null, autoencoder, new PipelineOptions().MaxUntiledPixels, adapters, encoder: loadEncoder, controls: controls);
    }

    internal static GenerateOptions OptionsOf(JsonElement run) => new()
    {
        Height = run.GetProperty("height").GetInt32(),
        Width = run.GetProperty("width").GetInt32(),
        Steps = run.GetProperty("steps").GetInt32(),
        Guidance = run.GetProperty("guidance_scale").GetSingle(),
        NegativePrompt = run.TryGetProperty("negative_prompt", out var negative) ? negative.GetString()! : "",
        UseResolutionBinning = run.GetProperty("use_resolution_binning").GetBoolean(),
        Solver = run.GetProperty("scheduler").GetString() switch
        {
            "FlowMatchEulerDiscreteScheduler" => SolverKind.FlowEuler,
            "SCMScheduler" => SolverKind.Scm,
            _ => SolverKind.FlowDpm,
        },
    };

    private static void CheckPixels(ReferenceCheckpoint reference, string run, byte[] actual)
    {
        if (reference.Expected.Has($"run.{run}.image"))
            CheckPixels(reference.Expected.Bytes($"run.{run}.image"), actual);
    }

    internal static void CheckPixels(ReadOnlySpan<byte> expected, byte[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var different = 0;
        for (var i = 0; i < actual.Length; i++)
        {
            Assert.InRange(Math.Abs(expected[i] - actual[i]), 0, 1);
            different += expected[i] == actual[i] ? 0 : 1;
        }

        Assert.InRange(different, 0, LevelsThatMayDiffer * actual.Length);
    }

    // What a binned run stores is the image in 0…1, resized and cropped, before it is rounded.
    private static void CheckResized(ReferenceCheckpoint reference, string run, SanaPipeline pipeline, GenerateOptions options)
    {
        if (!reference.Expected.Has($"run.{run}.image_float.mean8"))
        {
            return;
        }

        var last = reference.Between($"run.{run}.latents.", "").Max(step => int.Parse(step, null));
        var decoded = pipeline.Decode(reference.Tensor($"run.{run}.latents.{last}"));
        var (height, width) = ((int)decoded.Shape[2], (int)decoded.Shape[3]);
        var resize = new ResizeAndCrop(height, width, options.Height!.Value, options.Width!.Value);
        var image = FloatTensor.Zeros(1, 3, options.Height.Value, options.Width.Value);
        for (var row = 0; row < 3 * options.Height.Value; row++)
        {
            var plane = decoded.Data.AsSpan(row / options.Height.Value * height * width, height * width);
            resize.Row(plane, row % options.Height.Value, image.Data.AsSpan(row * options.Width.Value, options.Width.Value));
        }

        for (var i = 0; i < image.Data.Length; i++)
        {
            image.Data[i] = Math.Clamp((image.Data[i] / 2) + 0.5f, 0, 1);
        }

        PartlyStored.Check(reference, $"run.{run}.image_float", image, ReferenceCheckpoint.RunTolerance);
    }
}
