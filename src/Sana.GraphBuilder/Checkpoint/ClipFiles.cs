using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>A CLIP checkpoint folder as published: configs read and checked, headers of the weights read and checked against them.</summary>
internal sealed class ClipFiles
{
    private ClipFiles(string folder, BuildOptions options)
    {
        Folder = Path.GetFullPath(folder);
        if (!Directory.Exists(Folder))
        {
            throw new CheckpointException($"{folder} is not a folder; give the folder that holds config.json.");
        }

        Name = CheckpointName.Of(Folder);
        Config = ClipConfig.Load(PathOf("config.json"));
        Image = ClipImageConfig.Load(PathOf("preprocessor_config.json"), Config.ImageSize);
        CheckOptions(options);
        Weights = Weights.Open(Folder, "model", options.Variant);
        Weights.Holds(ClipTensors.Of(Config));
        var tokenizer = Checkpoint.Fingerprint.OfThoseThere(Folder, "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json");
        Fingerprint = Checkpoint.Fingerprint.Of(
            $"sana.graph/{SanaGraphs.Version} clip {tokenizer}", [PathOf("config.json"), PathOf("preprocessor_config.json")], Weights);
    }

    public string Folder { get; }

    public string Name { get; }

    public ClipConfig Config { get; }

    public ClipImageConfig Image { get; }

    public Weights Weights { get; }

    /// <summary>SHA-256 over what a score depends on: configs, tokenizer, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>What running the checkpoint needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> Facts =>
    [
        ("checkpoint", Name),
        ("fingerprint", Fingerprint),
        ("vocab_size", Invariant(Config.VocabSize)),
        ("max_position_embeddings", Invariant(Config.MaxPositionEmbeddings)),
        ("resample", "bicubic"),
        ("shortest_edge", Invariant(Image.ShortestEdge)),
        ("crop_size", Invariant(Image.CropSize)),
        ("rescale_factor", Invariant(Image.RescaleFactor)),
        ("image_mean", string.Join(' ', Image.ImageMean.Select(value => Invariant(value)))),
        ("image_std", string.Join(' ', Image.ImageStd.Select(value => Invariant(value)))),
    ];

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static ClipFiles Open(string folder, BuildOptions options) => new(folder, options);

    public string PathOf(string file) => Path.Combine([Folder, .. file.Split('/')]);

    private void CheckOptions(BuildOptions options)
    {
        if (options.Clamp != Clamp.Auto)
        {
            throw new CheckpointException($"{Folder} is a CLIP checkpoint, which has nothing to clamp; leave --clamp away.");
        }

        if (options.Precision != GraphPrecision.Fp32)
        {
            throw new CheckpointException($"{Folder} is a CLIP checkpoint, which computes in float32 only; leave the precision away.");
        }

        if (File.Exists(PathOf("pytorch_model.bin")) && WeightVariants.Find(Folder, "model").Count == 0)
        {
            throw new CheckpointException(
                $"{Folder} has its weights as pytorch_model.bin alone; fetch model.safetensors as well, or write it with transformers' save_pretrained.");
        }
    }

    private static string Invariant(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
