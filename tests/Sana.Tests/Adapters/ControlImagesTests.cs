using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Adapters;

/// <summary>Images with a control network, through the loader and the graphs that it builds; what a run's identity says of them; and folders that hold none.</summary>
public sealed class ControlImagesTests : IDisposable
{
    private const string Checkpoint = "sana";

    private static readonly GenerateOptions _small = new() { Width = 96, Height = 64, Steps = 2, UseResolutionBinning = false };
    private static readonly ImageRequest[] _requests = [new("a red house", Seed: 7), new("a lighthouse", Seed: 8)];
    private static readonly RgbImage _picture = new(40, 30, [.. Enumerable.Range(0, 40 * 30 * 3).Select(i => (byte)(i * 7))]);

    private readonly TempFolder _folder = new();
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        _owned.Reverse();
        _owned.ForEach(owned => owned.Dispose());
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.W8A8)]
    public async Task The_image_follows_network_scale_and_picture_and_scale_zero_is_the_plain_image(Precision precision)
    {
        var plain = Made(await Load(precision), _small);
        var renderer = await Load(precision, ("hed", Network()));
        var other = ControlImage.Of(_picture with { Pixels = [.. _picture.Pixels.Reverse()] });

        string[][] made = [Made(renderer, With("hed")), Made(renderer, With("hed", 0.5f)), Made(renderer, With("hed") with { Control = new ControlUse("hed") { Image = other } })];

        Assert.Equal(plain, Made(renderer, _small));
        Assert.Equal(plain, Made(renderer, With("hed", 0)));
        Assert.Equal(made[0], Made(renderer, With("hed")));
        Assert.Equal(4, made.Append(plain).Select(images => images[0]).Distinct().Count());
    }

    [Fact]
    public async Task Two_networks_of_one_host_are_loaded_in_turn()
    {
        var other = Network("other");
        ChangeNumbers(Path.Combine(other, "diffusion_pytorch_model.safetensors"));
        var renderer = await Load(Precision.Float32, ("hed", Network()), ("other", other));

        var first = Made(renderer, With("hed"));
        var second = Made(renderer, With("other"));

        Assert.NotEqual(first, second);
        Assert.Equal(first, Made(renderer, With("hed")));
    }

    [Fact]
    public async Task By_default_the_size_is_near_the_pictures_own()
    {
        var renderer = await Load(Precision.Float32, ("hed", Network()));

        var resolved = renderer.Resolve(With("hed") with { Width = null, Height = null });
        var asked = renderer.Resolve(With("hed") with { Width = 96, Height = null });

        Assert.Equal((32, 32), (resolved.Width, resolved.Height));
        Assert.Equal((96, 64), (asked.Width, asked.Height));
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_by_its_name()
    {
        var renderer = await Load(Precision.Float32, ("hed", Network()));

        Assert.Contains("Control 'none' is not known here; known are hed.", Refused(renderer, With("none")), StringComparison.Ordinal);
        Assert.Contains("scale 101", Refused(renderer, With("hed", 101)), StringComparison.Ordinal);
        Assert.Contains("scale -1", Refused(renderer, With("hed", -1)), StringComparison.Ordinal);
        Assert.Contains("scale NaN", Refused(renderer, With("hed", float.NaN)), StringComparison.Ordinal);
        Assert.Contains("has no control image", Refused(renderer, _small with { Control = new ControlUse("hed") }), StringComparison.Ordinal);
        Assert.Contains("is another network here", Refused(renderer, _small with { Control = new ControlUse("hed", 1, new string('0', 64)) { Image = ControlImage.Of(_picture) } }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_is_decided_by_fingerprint_scale_and_picture_and_not_by_names()
    {
        var (one, two) = (await Load(Precision.Float32, ("hed", Network())), await Load(Precision.Float32, ("renamed", Network())));
        var other = With("hed") with { Control = new ControlUse("hed") { Image = new ControlImage(new string('a', 64), 40, 30) } };

        Assert.Equal(Id(one, With("hed")), Id(two, With("renamed")));
        Assert.NotEqual(Id(one, With("hed")), Id(one, With("hed", 0.5f)));
        Assert.NotEqual(Id(one, With("hed")), Id(one, other));
        Assert.NotEqual(Id(one, With("hed")), Id(one, _small));
        Assert.Equal(Id(one, _small), Id(one, With("hed", 0)));
        var pinned = GenerateSubmission.Pinned(new GenerateJob { Prompts = PromptFile.Of(["a cat"]), Options = With("hed") }, one);
        Assert.Equal(one.Controls["hed"], pinned.Options.Control!.Fingerprint);

        static string Id(IModel model, GenerateOptions options) => RunIdentity.Of(new GenerateJob { Prompts = PromptFile.Of(["a cat"]), Options = options }, model).RunId;
    }

    [Fact]
    public async Task Each_prompt_is_planned_along_each_picture_with_the_same_seeds()
    {
        var model = await Load(Precision.Float32, ("hed", Network()));
        ControlImage[] further = [new(new string('a', 64), 64, 32), new(new string('b', 64), 40, 30)];
        var one = new GenerateJob { Prompts = PromptFile.Of(["a cat", "a dog", ""]), Options = With("hed"), Images = 2, BatchSize = 4 };
        var job = one with { FurtherControlImages = further };

        var batches = new RenderPlan(job, model).Items().OfType<RenderBatch>().ToArray();

        Assert.Equal([.. new[] { one.Options.Control!.Image!.Sha256 }, .. further.Select(image => image.Sha256)], batches.Select(batch => batch.Options.Control!.Image!.Sha256));
        Assert.All(batches, batch => Assert.Equal([("a cat", 0UL), ("a cat", 1UL), ("a dog", 0UL), ("a dog", 1UL)], batch.Images.Select(image => (image.Request.Prompt, image.Request.Seed))));
        Assert.NotEqual(RunIdentity.Of(one, model).RunId, RunIdentity.Of(job, model).RunId);
        var memory = FileBlobs.Open(_folder.File("blobs"));
        var read = await GenerateSubmission.Read(memory, await GenerateSubmission.Write(memory, job, default), default);
        Assert.Equal(further, read.FurtherControlImages);
    }

    public static TheoryData<string, string> Hostile => new()
    {
        { "no folder", "is not a folder" },
        { "nothing", "has no config.json, in itself or in controlnet/" },
        { "pickle", "holds 'hed.pth', a pickle of PyTorch" },
        { "pickle itself", "holds 'hed.pth', a pickle of PyTorch" },
        { "pickled weights", "has its weights as 'diffusion_pytorch_model.bin' alone" },
        { "no json", "is not JSON" },
        { "transformer", "_class_name of" },
        { "blocks", "num_layers {0}, and of the {0} blocks" },
        { "width", "has shape" },
        { "channels", "has shape" },
        { "other channels", "has in_channels {1}, transformer/config.json of" },
        { "unknown key", "'qk_norm' of" },
        { "many blocks", "num_layers" },
        { "cut", "ends" },
        { "zeros", "is not a safetensors file" },
        { "missing", "has no tensor 'transformer_blocks.{2}." },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_folder_that_holds_none_is_one_sentence(string what, string sentence)
    {
        using var checkpoint = BuiltCheckpoint.Copy(Checkpoint);
        var folder = Network(what);
        var weights = Path.Combine(folder, "diffusion_pytorch_model.safetensors");
        var own = SanaTransformerConfig.Load(Path.Combine(checkpoint.Folder, "transformer", "config.json"));
        var blocks = SanaTransformerConfig.LoadControl(Path.Combine(folder, "config.json")).NumLayers;
        switch (what)
        {
            case "no folder":
                Directory.Delete(folder, recursive: true);
                break;
            case "nothing" or "pickle" or "pickle itself":
                File.Delete(weights);
                File.Delete(Path.Combine(folder, "config.json"));
                if (what != "nothing")
                    File.WriteAllBytes(Path.Combine(folder, "hed.pth"), [0x80, 2]);
                folder = what == "pickle itself" ? Path.Combine(folder, "hed.pth") : folder;
                break;
            case "pickled weights":
                File.Move(weights, Path.ChangeExtension(weights, ".bin"));
                break;
            case "no json":
                File.WriteAllText(Path.Combine(folder, "config.json"), "{");
                break;
            case "cut":
                using (var file = File.Open(weights, FileMode.Open))
                    file.SetLength(file.Length - 100);
                break;
            case "zeros":
                File.WriteAllBytes(weights, new byte[64]);
                break;
            case "blocks":
                Says(folder, "num_layers", own.NumLayers);
                WriteWeights(folder);
                break;
            case "other channels":
                Says(folder, "in_channels", own.InChannels + 4);
                Says(folder, "out_channels", own.InChannels + 4);
                WriteWeights(folder);
                break;
            default:
                var (key, value) = what switch
                {
                    "transformer" => ("_class_name", (JsonNode)"SanaTransformer2DModel"),
                    "width" => ("num_attention_heads", own.NumAttentionHeads + 1),
                    "channels" => ("caption_channels", own.CaptionChannels + 16),
                    "unknown key" => ("qk_norm", "rms_norm_across_heads"),
                    "many blocks" => ("num_layers", 1_000_000),
                    _ => ("num_layers", blocks + 1),
                };
                Says(folder, key, value);
                if (what == "width")
                    Says(folder, "cross_attention_dim", (own.NumAttentionHeads + 1) * own.AttentionHeadDim);
                break;
        }

        sentence = string.Format(null, sentence, own.NumLayers, own.InChannels + 4, blocks);
        var error = Assert.Throws<CheckpointException>(() => ControlCheckpoint.Build(folder, checkpoint.Folder, new BuildOptions()));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_Sprint_checkpoint_and_a_repository_without_one_are_refused()
    {
        using var sprint = BuiltCheckpoint.Copy(BuiltCheckpoint.Names.First(name => name.Contains("sprint", StringComparison.Ordinal)));

        Assert.Contains("is a Sprint checkpoint", Assert.Throws<CheckpointException>(() => ControlCheckpoint.Build(Network(), sprint.Folder, new BuildOptions())).Message, StringComparison.Ordinal);
        Assert.Equal(["config.json", "diffusion_pytorch_model.safetensors"], ControlCheckpoint.Choose("a/b", ["README.md", "config.json", "diffusion_pytorch_model.safetensors", "hed.png"]));
        Assert.Equal(["controlnet/config.json", "controlnet/diffusion_pytorch_model.safetensors"], ControlCheckpoint.Choose("a/b", ["model_index.json", "controlnet/config.json", "controlnet/diffusion_pytorch_model.safetensors", "transformer/config.json"]));
        Assert.Contains("a pickle", Assert.Throws<CheckpointException>(() => ControlCheckpoint.Choose("a/b", ["checkpoints/Sana_600M_HED.pth"])).Message, StringComparison.Ordinal);
        Assert.Contains("is no control network", Assert.Throws<CheckpointException>(() => ControlCheckpoint.Choose("a/b", ["model.safetensors"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_precision_is_built_beside_float32_and_built_again_only_when_files_change()
    {
        using var checkpoint = BuiltCheckpoint.Copy(Checkpoint);
        var folder = Network();

        foreach (var precision in Enum.GetValues<GraphPrecision>())
            ControlCheckpoint.Build(folder, checkpoint.Folder, new BuildOptions { Precision = precision });
        var again = ControlCheckpoint.Build(folder, checkpoint.Folder, new BuildOptions { Precision = GraphPrecision.W8A8 });
        var before = again.Metadata["fingerprint"];
        ChangeNumbers(Path.Combine(folder, "diffusion_pytorch_model.safetensors"));
        var changed = ControlCheckpoint.Build(folder, checkpoint.Folder, new BuildOptions());

        Assert.False(again.Written);
        Assert.True(changed.Written);
        Assert.NotEqual(before, changed.Metadata["fingerprint"]);
        Assert.Equal(
            ["conditioning.mixed.onnx", "conditioning.onnx", "conditioning.w8a8.onnx", "model.mixed.onnx", "model.onnx", "model.w8a8.onnx", "model.w8a8.onnx.data"],
            Directory.EnumerateFiles(folder, "*.onnx*").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
    }

    private static GenerateOptions With(string name, float scale = 1) => _small with { Control = new ControlUse(name, scale) { Image = ControlImage.Of(_picture) } };

    private static string Refused(IRenderer renderer, GenerateOptions options) => Assert.Throws<InferenceException>(() => renderer.Resolve(options)).Message;

    private static string[] Made(IRenderer renderer, GenerateOptions options) =>
        [.. renderer.Generate(_requests, renderer.Resolve(options), null, default).Select(image => Convert.ToHexString(image.Image!.Pixels))];

    private static void Says(string folder, string key, JsonNode value)
    {
        var file = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!;
        config[key] = value;
        File.WriteAllText(file, config.ToJsonString());
    }

    // Zeros in the shapes that the config implies.
    private static void WriteWeights(string folder) => File.WriteAllBytes(
        Path.Combine(folder, "diffusion_pytorch_model.safetensors"),
        SafetensorsBytes.Of([.. SanaTransformerTensors.Control(SanaTransformerConfig.LoadControl(Path.Combine(folder, "config.json"))).Select(tensor => (tensor.Name, tensor.Shape))]));

    private static (string Header, byte[] Data) Parts(string weights)
    {
        var bytes = File.ReadAllBytes(weights);
        var length = (int)BitConverter.ToInt64(bytes);
        return (System.Text.Encoding.UTF8.GetString(bytes, 8, length), bytes[(8 + length)..]);
    }

    private static void ChangeNumbers(string weights)
    {
        var (header, data) = Parts(weights);
        for (var i = 0; i < data.Length; i += sizeof(float))
            BitConverter.TryWriteBytes(data.AsSpan(i), BitConverter.ToSingle(data, i) * 1.25f);
        File.WriteAllBytes(weights, [.. SafetensorsBytes.Of(header), .. data]);
    }

    private string Network(string name = "hed")
    {
        var folder = _folder.File(name.Replace(' ', '-'));
        if (Directory.Exists(folder))
            return folder;
        Directory.CreateDirectory(folder);
        foreach (var file in new[] { "config.json", "diffusion_pytorch_model.safetensors" })
            File.Copy(Path.Combine(Fixtures.Adapters, "controlnet", file), Path.Combine(folder, file));
        return folder;
    }

    private async Task<IRenderer> Load(Precision precision, params (string Name, string Folder)[] controls)
    {
        var checkpoint = BuiltCheckpoint.Copy(Checkpoint);
        _owned.Add(checkpoint);
        var networks = new NetworkLoader { Checkpoint = checkpoint.Folder, Precision = precision, Controls = controls.ToDictionary(control => control.Name, control => control.Folder) };
        _owned.Add(networks);
        return await networks.LoadPipeline(default);
    }
}
