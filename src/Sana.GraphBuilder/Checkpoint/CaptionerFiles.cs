using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>A captioner's checkpoint folder as published: configs read and checked, headers of the weights read and checked against them.</summary>
internal sealed class CaptionerFiles
{
    private CaptionerFiles(string folder, BuildOptions options)
    {
        Folder = Path.GetFullPath(folder);
        if (!Directory.Exists(Folder))
        {
            throw new CheckpointException($"{folder} is not a folder; give the folder that holds config.json.");
        }

        Name = CheckpointName.Of(Folder);
        Config = CaptionerConfig.Load(PathOf("config.json"), PathOf("generation_config.json"));
        Image = VitImageConfig.Load(PathOf("preprocessor_config.json"), Config.Encoder.ImageSize);
        CheckOptions(options);
        Weights = Weights.Open(Folder, "model", options.Variant);
        Tables = TokenTables.Of(Weights, Config.Decoder.TieWordEmbeddings);
        Weights.Holds(CaptionerTensors.Of(Config, Tables));
        var others = Checkpoint.Fingerprint.OfThoseThere(Folder, "generation_config.json", "vocab.json", "added_tokens.json", "tokenizer.json");
        Fingerprint = Checkpoint.Fingerprint.Of(
            $"sana.graph/{SanaGraphs.Version} captioner {others}", [PathOf("config.json"), PathOf("preprocessor_config.json")], Weights);
    }

    public string Folder { get; }

    public string Name { get; }

    public CaptionerConfig Config { get; }

    public VitImageConfig Image { get; }

    public Weights Weights { get; }

    public TokenTables Tables { get; }

    /// <summary>SHA-256 over what a caption depends on: configs, vocabulary, and names, lengths, headers and a sample of the weights.</summary>
    public string Fingerprint { get; }

    /// <summary>What running the checkpoint needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> Facts =>
    [
        ("checkpoint", Name),
        ("fingerprint", Fingerprint),
        ("vocab_size", Invariant(Config.Decoder.VocabSize)),
        ("n_positions", Invariant(Config.Decoder.NPositions)),
        ("decoder_start_token_id", Invariant(Config.Generation.DecoderStartTokenId)),
        ("eos_token_id", string.Join(' ', Config.Generation.EosTokenIds.Select(id => Invariant(id)))),
        ("max_new_tokens", Invariant(Config.Generation.MaxTokens)),
        ("image_size", Invariant(Config.Encoder.ImageSize)),
        ("resample", Image.Resample),
        ("rescale_factor", Invariant(Image.RescaleFactor)),
        ("image_mean", string.Join(' ', Image.ImageMean.Select(value => Invariant(value)))),
        ("image_std", string.Join(' ', Image.ImageStd.Select(value => Invariant(value)))),
    ];

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static CaptionerFiles Open(string folder, BuildOptions options) => new(folder, options);

    private string PathOf(string file) => Path.Combine(Folder, file);

    private void CheckOptions(BuildOptions options)
    {
        if (options.Clamp != Clamp.Auto)
        {
            throw new CheckpointException($"{Folder} is a captioner's checkpoint, which has nothing to clamp; leave --clamp away.");
        }

        if (options.Precision != GraphPrecision.Fp32)
        {
            throw new CheckpointException($"{Folder} is a captioner's checkpoint, which computes in float32 only; leave the precision away.");
        }

        if (File.Exists(PathOf("pytorch_model.bin")) && WeightVariants.Find(Folder, "model").Count == 0)
        {
            throw new CheckpointException(
                $"{Folder} has its weights as pytorch_model.bin alone; fetch model.safetensors as well, or write it with transformers' save_pretrained.");
        }
    }

    private static string Invariant(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
