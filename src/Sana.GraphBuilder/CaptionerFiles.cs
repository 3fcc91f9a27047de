using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>The files of a captioner's checkpoint: its configs, and the headers of its weights, read and checked against the configs.</summary>
internal abstract class CaptionerFiles
{
    // Raised when graphs of the same files get other inputs, outputs or metadata.
    private const int Contract = 2;

    protected CaptionerFiles(string folder) => (Folder, Name) = (folder, CheckpointFolder.NameOf(folder));

    public string Folder { get; }
    public string Name { get; }
    public required SafetensorsWeights Weights { get; init; }
    public required GenerationConfig Generation { get; init; }
    public required VitImageConfig Image { get; init; }

    /// <summary>SHA-256 over what a caption depends on: configs, vocabulary, and names, lengths, headers and a sample of the weights.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>How people call the family.</summary>
    public abstract string Family { get; }
    public abstract int VocabSize { get; }

    /// <summary>What it can be asked for.</summary>
    public virtual IReadOnlyList<string> Tasks => [];

    /// <summary>In forward order.</summary>
    public abstract IReadOnlyList<TowerSummary> Networks { get; }

    /// <summary>Of the decoder: layers, width, and tokens of the image and the question that it reads.</summary>
    public abstract (int Layers, int Width, int Tokens) DecoderSize { get; }

    /// <summary>What running the checkpoint in a precision needs to know.</summary>
    public IReadOnlyList<(string Key, string Value)> MetadataOf(GraphPrecision precision) =>
    [
        ("checkpoint", Name),
        ("fingerprint", CheckpointFingerprint.In(precision, Fingerprint)),
        ("vocab_size", MetadataText.Of(VocabSize)),
        ("decoder_start_token_id", MetadataText.Of(Generation.DecoderStartTokenId)),
        ("eos_token_id", MetadataText.Of(Generation.EosTokenIds)),
        ("max_new_tokens", MetadataText.Of(Generation.MaxTokens)),
        ("num_beams", MetadataText.Of(Generation.NumBeams)),
        ("no_repeat_ngram_size", MetadataText.Of(Generation.NoRepeatNgramSize)),
        ("length_penalty", MetadataText.Of(Generation.LengthPenalty)),
        ("early_stopping", Generation.EarlyStopping),
        ("forced_bos_token_id", Generation.ForcedBosTokenId is { } first ? MetadataText.Of(first) : "none"),
        ("forced_eos_token_id", Generation.ForcedEosTokenId is { } last ? MetadataText.Of(last) : "none"),
        .. Image.Metadata,
        .. FamilyMetadata,
    ];

    /// <summary>What only this family's graphs say.</summary>
    protected abstract IEnumerable<(string Key, string Value)> FamilyMetadata { get; }

    /// <summary>Both graphs in eight bits, not written: they say what that saves.</summary>
    protected Graph[] InEightBits => field ??= [Encoder(Arithmetic.W8A8), Decoder(Arithmetic.W8A8)];

    /// <summary>encoder_model.onnx.</summary>
    public abstract Graph Encoder(Arithmetic arithmetic);

    /// <summary>decoder_model.onnx.</summary>
    public abstract Graph Decoder(Arithmetic arithmetic);

    /// <exception cref="CheckpointException">Something is missing, damaged, or does not fit the rest.</exception>
    public static CaptionerFiles Open(string folder, BuildOptions options)
    {
        folder = CheckpointFolder.FullPath(folder, holds: "config.json");
        return JsonConfig.Load(Path.Combine(folder, "config.json")).Says("model_type", Florence2Config.ModelType)
            ? Florence2Files.Open(folder, options)
            : VitGpt2Files.Open(folder, options);
    }

    /// <summary>The fingerprint of the configs, of what else captions depend on, and of the weights.</summary>
    protected static string Hash(string folder, IReadOnlyList<string> configs, SafetensorsWeights weights, params string[] others) =>
        CheckpointFingerprint.Compute($"captioner/{Contract} {CheckpointFingerprint.OfPresent(folder, others)}", [.. configs.Select(file => Path.Combine(folder, file))], weights);

    /// <summary>ViT with GPT-2.</summary>
    private sealed class VitGpt2Files(string folder, VisionEncoderDecoderConfig config, TokenTables tables) : CaptionerFiles(folder)
    {
        public override string Family => "ViT with GPT-2";
        public override int VocabSize => config.Decoder.VocabSize;

        public override IReadOnlyList<TowerSummary> Networks =>
        [
            TowerSummary.From("encoder", config.Encoder.NumHiddenLayers, config.Encoder.HiddenSize, CaptionerTensors.Encoder(config), InEightBits),
            TowerSummary.From("decoder", config.Decoder.NLayer, config.Decoder.NEmbd, CaptionerTensors.Decoder(config.Decoder, tables), InEightBits),
        ];

        public override (int Layers, int Width, int Tokens) DecoderSize => (config.Decoder.NLayer, config.Decoder.NEmbd, config.Encoder.Tokens);

        protected override IEnumerable<(string Key, string Value)> FamilyMetadata =>
            [("model_type", VisionEncoderDecoderConfig.ModelType), ("n_positions", MetadataText.Of(config.Decoder.NPositions))];

        public override Graph Encoder(Arithmetic arithmetic) => CaptionerGraphs.Encoder(config, tables, Weights, arithmetic: arithmetic);

        public override Graph Decoder(Arithmetic arithmetic) => CaptionerGraphs.Decoder(config, tables, Weights, arithmetic: arithmetic);

        public static new VitGpt2Files Open(string folder, BuildOptions options)
        {
            var config = VisionEncoderDecoderConfig.Load(Path.Combine(folder, "config.json"), Path.Combine(folder, "generation_config.json"));
            var image = VitImageConfig.Load(Path.Combine(folder, "preprocessor_config.json"), config.Encoder.ImageSize);
            var weights = CheckpointFolder.OpenWeights(folder, "captioner's", options, eightBits: true);
            var tables = TokenTables.Find(weights, config.Decoder.TieWordEmbeddings);
            weights.Require(CaptionerTensors.All(config, tables), options.IgnoreUnusedTensors);
            return new VitGpt2Files(folder, config, tables)
            {
                Generation = config.Generation,
                Image = image,
                Weights = weights,
                Fingerprint = Hash(
                    folder, ["config.json", "preprocessor_config.json"], weights, "generation_config.json", "vocab.json", "added_tokens.json", "tokenizer.json"),
            };
        }
    }

    /// <summary>Florence-2.</summary>
    private sealed class Florence2Files(string folder, Florence2Config config, TokenTables tables) : CaptionerFiles(folder)
    {
        private const int Sentence = 16; // tokens of the longest question, start and end token included

        public override string Family => "Florence-2";
        public override IReadOnlyList<string> Tasks => ["caption", "detailed_caption", "more_detailed_caption"];
        public override int VocabSize => config.Text.VocabSize;

        public override IReadOnlyList<TowerSummary> Networks =>
        [
            TowerSummary.From("vision_tower", config.Vision.Stages.Sum(stage => stage.Depth), config.Vision.Width, Florence2Tensors.Vision(config.Vision), InEightBits),
            TowerSummary.From("projector", 1, config.Text.DModel, Florence2Tensors.Projector(config.Vision), InEightBits),
            TowerSummary.From("encoder", config.Text.EncoderLayers, config.Text.DModel, Florence2Tensors.Encoder(config.Text), InEightBits),
            TowerSummary.From(
                "decoder", config.Text.DecoderLayers, config.Text.DModel, Florence2Tensors.Decoder(config.Text).Concat(Florence2Tensors.Table(config, tables)), InEightBits),
        ];

        public override (int Layers, int Width, int Tokens) DecoderSize => (config.Text.DecoderLayers, config.Text.DModel, ImageTokens + Sentence);

        protected override IEnumerable<(string Key, string Value)> FamilyMetadata =>
        [
            ("model_type", Florence2Config.ModelType),
            ("n_positions", MetadataText.Of(config.Text.MaxPositionEmbeddings)),
            ("image_token_id", MetadataText.Of(config.ImageTokenId)),
            ("image_seq_length", MetadataText.Of(ImageTokens)),
        ];

        private int ImageTokens => TokensOf(config.Vision, Image.Side);

        public override Graph Encoder(Arithmetic arithmetic) => CaptionerGraphs.Encoder(config, Image.Side, tables, Weights, arithmetic: arithmetic);

        public override Graph Decoder(Arithmetic arithmetic) => CaptionerGraphs.Decoder(config, tables, Weights, arithmetic: arithmetic);

        public static new Florence2Files Open(string folder, BuildOptions options)
        {
            var config = Florence2Config.Load(Path.Combine(folder, "config.json"), Path.Combine(folder, "generation_config.json"), CheckpointFolder.NameOf(folder));
            var (image, imageFile) = VitImageConfig.LoadFlorence2(folder, side => TokensOf(config.Vision, side));
            if (config.Vision.MapSide(image.Side) is var map && map < 1 || map > config.Vision.MaxPositionEmbeddings)
            {
                throw new CheckpointException($"{Path.Combine(folder, imageFile)} says images of {image.Side} pixels, of which the vision tower makes a map of {map} × {map}, but max_position_embeddings "
                    + $"of config.json is {config.Vision.MaxPositionEmbeddings}; use the files that belong to the weights.");
            }

            if (TokensOf(config.Vision, image.Side) + Sentence > config.Text.MaxPositionEmbeddings)
            {
                throw new CheckpointException($"An image has {TokensOf(config.Vision, image.Side)} tokens and the question up to {Sentence}, but text_config.max_position_embeddings of {Path.Combine(folder, "config.json")} is "
                    + $"{config.Text.MaxPositionEmbeddings}; use the config.json that belongs to the weights.");
            }

            if (!File.Exists(Path.Combine(folder, "tokenizer.json")))
                throw new CheckpointException($"{folder} has no tokenizer.json, which Florence-2's question is read with; fetch the whole checkpoint.");
            var weights = CheckpointFolder.OpenWeights(folder, "captioner's", options, eightBits: true);
            if (weights.TryGet("image_projection", out _) || weights.TryGet("language_model.model.shared.weight", out _))
                throw new CheckpointException(Florence2Config.MicrosoftLayout(CheckpointFolder.NameOf(folder)));
            var tables = Florence2Tensors.Tables(weights, config.TieWordEmbeddings);
            weights.Require(Florence2Tensors.All(config, tables, weights), options.IgnoreUnusedTensors);
            return new Florence2Files(folder, config, tables)
            {
                Generation = config.Generation,
                Image = image,
                Weights = weights,
                Fingerprint = Hash(folder, ["config.json", imageFile], weights, "generation_config.json", "tokenizer.json"),
            };
        }

        private static int TokensOf(DaVitConfig vision, int side) => (vision.MapSide(side) * vision.MapSide(side)) + 1;
    }
}
