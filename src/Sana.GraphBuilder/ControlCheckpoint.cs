using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// A control network of Sana in diffusers' layout (SanaControlNetModel): from the latents of a control image, such as the edges of a picture, it computes at each step what is added to the
/// stream of the transformer that it was trained beside.
/// </summary>
public static class ControlCheckpoint
{
    private const string Stem = "diffusion_pytorch_model";
    private const string Below = "controlnet";

    /// <summary>
    /// Whether a folder's <c>config.json</c>, or that of its <c>controlnet</c> folder, says that it holds one; false where it is not there or cannot be read, and for a checkpoint of Sana with one in it.
    /// </summary>
    public static bool IsIn(string folder)
    {
        try
        {
            return PathIn(folder) is { } path && !File.Exists(Path.Combine(folder, "model_index.json")) && JsonConfig.Load(Path.Combine(path, "config.json")).Says("_class_name", SanaTransformerConfig.ControlClass);
        }
        catch (CheckpointException)
        {
            return false; // whoever reads it next says what is wrong with it
        }
    }

    /// <summary>Which files of a repository are read.</summary>
    /// <param name="repository">Its name, for messages.</param>
    /// <param name="names">Of all its files, with slashes.</param>
    /// <exception cref="CheckpointException">It holds no control network.</exception>
    public static IReadOnlyList<string> Choose(string repository, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var folder = names.Contains($"{Below}/config.json") ? $"{Below}/" : "";
        string[] chosen = [.. names.Where(name => name == folder + "config.json" || (name.StartsWith(folder + Stem, StringComparison.Ordinal) && (name.EndsWith(".safetensors", StringComparison.Ordinal) || WeightVariants.IsIndex(name))))];
        return chosen.Length > 1
            ? chosen
            : throw new CheckpointException(WeightVariants.Pickled(names) is { } pickle
                ? Pickled(repository, pickle)
                : $"{repository} has no config.json with {Stem}.safetensors, in itself or in {Below}/, so it is no control network; give another repository.");
    }

    /// <summary>Writes the graphs of the network beside its weights, unless they are there and belong to these files: <c>conditioning.onnx</c> and <c>model.onnx</c>.</summary>
    /// <param name="folder">That of the network, or one with it in <c>controlnet</c>.</param>
    /// <param name="checkpoint">Folder of the Sana checkpoint that it is for.</param>
    /// <param name="options">How to build. Clamp is the checkpoint's.</param>
    /// <exception cref="CheckpointException">It is no control network, damaged, or made for another checkpoint.</exception>
    public static BuildReport Build(string folder, string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var sana = SanaFiles.Open(checkpoint, BuildRecord.OptionsOf(checkpoint) with { Clamp = BuildRecord.Read(checkpoint)?.Clamp ?? Clamp.Auto });
        var files = ControlFiles.Open(folder, options);
        files.RequireFit(sana);
        return Build(files, sana, options);
    }

    /// <summary>What is in a control network and what it will need.</summary>
    /// <exception cref="CheckpointException">It is no control network, or damaged.</exception>
    public static ControlSummary Describe(string folder)
    {
        var files = ControlFiles.Open(folder, new BuildOptions());
        return ControlSummary.From(files);
    }

    /// <summary>The folder of the network itself; null where no config.json is there.</summary>
    internal static string? PathIn(string folder) =>
        new[] { Path.Combine(folder, Below), folder }.FirstOrDefault(path => File.Exists(Path.Combine(path, "config.json")));

    internal static SafetensorsWeights Weights(string path, BuildOptions options) => SafetensorsWeights.Open(path, Stem, options.Variant);

    internal static string Pickled(string place, string file) =>
        $"{place} holds {Quoted.Text(file)}, a pickle of PyTorch, which is not read because it can run code; convert it with diffusers' scripts/convert_sana_controlnet_to_diffusers.py and give the folder with config.json that it writes.";

    private static BuildReport Build(ControlFiles files, SanaFiles sana, BuildOptions options)
    {
        var set = new GraphSet
        {
            Folder = files.Folder,
            Fingerprint = files.FingerprintOf($"control graphs, clamp {sana.Clamp.On}"),
            Weights = files.Weights.Files,
            Metadata = [("checkpoint", files.Name), ("fingerprint", files.Fingerprint), ("in_channels", MetadataText.Of(files.Config.InChannels)), ("num_layers", MetadataText.Of(files.Config.NumLayers))],
            Graphs =
            [
                .. Graphs(GraphPrecision.Float32),
                .. options.Precision == GraphPrecision.Float32 ? [] : Graphs(options.Precision),
            ],
        };
        return set.Write(BuildRecord.Read(files.Folder), options, (folder, again) => Build(ControlFiles.Open(folder, again), sana, again));

        IEnumerable<PlannedGraph> Graphs(GraphPrecision precision)
        {
            var (suffix, arithmetic) = SanaCheckpoint.TransformerIn(precision, options.Half, sana);
            yield return new($"conditioning{suffix}.onnx", () => Saying(SanaGraphs.Conditioning(files.Config, files.Weights, arithmetic), precision));
            yield return new($"model{suffix}.onnx", () => Saying(SanaGraphs.Control(files.Config, files.Weights, sana.Clamp.On, arithmetic), precision));
        }

        static Graph Saying(Graph graph, GraphPrecision precision)
        {
            graph.Metadata("precision", precision.Word());
            return graph;
        }
    }
}

/// <summary>The files of a control network: its config, and the headers of its weights, read and checked against it.</summary>
internal sealed class ControlFiles
{
    private ControlFiles(string folder, BuildOptions options)
    {
        if (File.Exists(folder) && WeightVariants.Pickled([Path.GetFileName(folder)]) is { } file)
            throw new CheckpointException(ControlCheckpoint.Pickled(Path.GetDirectoryName(Path.GetFullPath(folder))!, file));
        var given = CheckpointFolder.FullPath(folder, holds: "the control network's config.json");
        Folder = ControlCheckpoint.PathIn(given) ?? throw NotOne(given);
        Name = CheckpointFolder.NameOf(Folder == given ? given : Path.GetDirectoryName(Folder)!);
        Config = SanaTransformerConfig.LoadControl(ConfigFile);
        Weights = ControlCheckpoint.Weights(Folder, options);
        Weights.Require(SanaTransformerTensors.Control(Config), options.IgnoreUnusedTensors);
    }

    public string Folder { get; }
    public string Name { get; }
    public SanaTransformerConfig Config { get; }
    public SafetensorsWeights Weights { get; }

    private string ConfigFile => Path.Combine(Folder, "config.json");

    /// <exception cref="CheckpointException">Something is missing, damaged, or of another form.</exception>
    public static ControlFiles Open(string folder, BuildOptions options) => new(folder, options);

    /// <summary>SHA-256 over what it adds depends on: config, and names, lengths, headers and a sample of the weights. Clamp and precision are in the checkpoint's.</summary>
    public string Fingerprint => FingerprintOf("control");

    public string FingerprintOf(string built) => CheckpointFingerprint.Compute(built, [ConfigFile], Weights);

    /// <exception cref="CheckpointException">It was made for another transformer.</exception>
    public void RequireFit(SanaFiles sana)
    {
        var own = sana.Transformer;
        if (own.GuidanceEmbeds)
            throw new CheckpointException($"{sana.Folder} is a Sprint checkpoint, and control networks are made for Sana's flow; use a checkpoint of Sana.");
        foreach (var (key, here, there) in new[]
        {
            ("in_channels", Config.InChannels, own.InChannels),
            ("num_attention_heads × attention_head_dim", Config.Width, own.Width),
            ("caption_channels", Config.CaptionChannels, own.CaptionChannels),
        })
        {
            if (here != there)
                throw new CheckpointException($"{ConfigFile} has {key} {here}, transformer/config.json of {sana.Folder} has {there}; they must be equal: use a control network that was trained for this checkpoint.");
        }

        if (Config.NumLayers >= own.NumLayers)
            throw new CheckpointException($"{ConfigFile} has num_layers {Config.NumLayers}, and of the {own.NumLayers} blocks of {sana.Folder} the first takes nothing, so at most {own.NumLayers - 1} can be added: use a control network that was trained for this checkpoint.");
    }

    private static CheckpointException NotOne(string folder) => new(WeightVariants.Pickled(WeightVariants.NamesIn(folder)) is { } pickle
        ? ControlCheckpoint.Pickled(folder, pickle)
        : $"{folder} has no config.json, in itself or in controlnet/; give the folder of a control network (SanaControlNetModel of diffusers).");
}

/// <summary>What is in a control network.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="Fingerprint">SHA-256 over the config and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Blocks">How many it has: as many sums go into the transformer at each step.</param>
/// <param name="Width">Of a token: the transformer must have the same.</param>
/// <param name="Network">Its weights.</param>
/// <param name="Fits">Published transformers of its shape.</param>
public sealed record ControlSummary(string Name, string Fingerprint, int Blocks, int Width, NetworkSummary Network, IReadOnlyList<string> Fits)
{
    private const int PixelsPerCell = 32; // of all published autoencoders

    // The sizes that memory depends on.
    private (long Hidden, long EightBitNumbers, long EightBitBytes) Sizes { get; init; }

    /// <summary>Memory that it needs beside the checkpoint, in bytes, estimated: weights as they are loaded, and its largest activations with what it adds.</summary>
    /// <param name="width">Pixels, 32…8192.</param>
    /// <param name="height">Pixels, 32…8192.</param>
    /// <param name="precision">What it computes in, as the transformer.</param>
    public StageMemory MemoryFor(int width, int height, GraphPrecision precision = GraphPrecision.Float32)
    {
        const int FloatBytes = sizeof(float);
        var tokens = (long)width * height / (PixelsPerCell * PixelsPerCell);
        var weights = precision switch
        {
            GraphPrecision.W8A8 => ((Network.Parameters - Sizes.EightBitNumbers) * FloatBytes) + Sizes.EightBitBytes,
            GraphPrecision.Mixed => Network.Parameters * FloatBytes / 2,
            _ => Network.Parameters * FloatBytes,
        };
        return new StageMemory("controlnet", weights, 2L * tokens * ((3 * Sizes.Hidden) + ((4 + Blocks) * (long)Width)) * FloatBytes);
    }

    internal static ControlSummary From(ControlFiles files)
    {
        var (config, eightBits) = (files.Config, SanaGraphs.Control(files.Config, files.Weights, clamp: false, Arithmetic.W8A8).EightBits);
        return new ControlSummary(
            files.Name,
            files.Fingerprint,
            config.NumLayers,
            config.Width,
            NetworkSummary.From("controlnet", files.Weights),
            [.. SanaTransformerConfig.Published.Where(each => !each.Config.GuidanceEmbeds && (each.Config.Width, each.Config.CaptionChannels, each.Config.InChannels) == (config.Width, config.CaptionChannels, config.InChannels) && config.NumLayers < each.Config.NumLayers).Select(each => each.Name)])
        {
            Sizes = (2L * config.FeedForwardWidth, eightBits.Numbers, eightBits.Length),
        };
    }
}
