using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>What the graph builder read from a captioner's configs and wrote into each of its graphs.</summary>
internal sealed record CaptionerFacts
{
    private const string Florence = "florence2";
    private const string VitGpt2 = "vision-encoder-decoder";

    /// <summary>Of the checkpoint's folder, or <c>owner/name</c>.</summary>
    public required string Name { get; init; }

    /// <summary>SHA-256 over configs, vocabulary and the headers, lengths and a sample of the weights, lower-case hex.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Rows of the token table: ids are below this.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Most tokens that the decoder takes.</summary>
    public required int Positions { get; init; }

    /// <summary>Token before the first one of every caption; not part of the text.</summary>
    public required int StartId { get; init; }

    /// <summary>Tokens that end a caption.</summary>
    public required int[] EndIds { get; init; }

    /// <summary>The first token of every caption; null for none.</summary>
    public int? ForcedFirstId { get; init; }

    /// <summary>The last token of a caption that has as many as it may; null for none.</summary>
    public int? ForcedLastId { get; init; }

    /// <summary>Longest caption in tokens, unless the options say another.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Beams, unless the options say another number.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>So many tokens in a row are in a caption only once, unless the options say otherwise; 0 for no such rule.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Sums of log probabilities are divided by the number of tokens to this power.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When a search with beams ends: <c>true</c>, <c>false</c> or <c>never</c>, as transformers has it.</summary>
    public string EarlyStopping { get; init; } = "false";

    /// <summary>Whether the encoder reads a question beside the image: Florence-2.</summary>
    public bool AsksQuestions { get; init; }

    /// <summary>The last id that the vocabulary must have; −1 where nothing is known.</summary>
    public int LastId { get; init; } = -1;

    /// <summary>Tokens that an image is to the encoder; 0 where there is no question beside it.</summary>
    public int ImageTokens { get; init; }

    /// <summary>Of the square that the encoder reads, in pixels.</summary>
    public required int Side { get; init; }

    /// <summary>That images are resized with.</summary>
    public required PilFilter Filter { get; init; }

    /// <summary>From 8-bit pixels to the encoder's input.</summary>
    public required PixelLevels Levels { get; init; }

    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static CaptionerFacts From(GraphMetadata metadata)
    {
        var family = metadata.Text("model_type") is var type && type is Florence or VitGpt2 ? type : throw metadata.Unusable("model_type", type);
        return new CaptionerFacts
        {
            Name = metadata.Text("checkpoint"),
            Fingerprint = metadata.Text("fingerprint"),
            VocabularySize = metadata.Whole("vocab_size", 1, 2_000_000),
            Positions = metadata.Whole("n_positions", 1, 1_000_000),
            StartId = metadata.Whole("decoder_start_token_id", 0, 2_000_000),
            EndIds = [.. metadata.Numbers("eos_token_id").Select(id => (int)id)],
            ForcedFirstId = Id(metadata, "forced_bos_token_id"),
            ForcedLastId = Id(metadata, "forced_eos_token_id"),
            MaxTokens = metadata.Whole("max_new_tokens", 1, 1_000_000),
            Beams = metadata.Whole("num_beams", 1, 8),
            NoRepeatNgramSize = metadata.Whole("no_repeat_ngram_size", 0, 64),
            LengthPenalty = metadata.Number("length_penalty"),
            EarlyStopping = metadata.Text("early_stopping") is var early && early is "true" or "false" or "never" ? early : throw metadata.Unusable("early_stopping", early),
            AsksQuestions = family == Florence,
            LastId = family == Florence ? metadata.Whole("image_token_id", 0, 2_000_000) : -1,
            ImageTokens = family == Florence ? metadata.Whole("image_seq_length", 1, 1_000_000) : 0,
            Side = metadata.Whole("image_size", 1, 65_536),
            Filter = metadata.Text("resample") switch
            {
                "bilinear" => PilFilter.Bilinear,
                "bicubic" => PilFilter.Bicubic,
                var other => throw metadata.Unusable("resample", other),
            },
            Levels = new PixelLevels(metadata.Number("rescale_factor"), metadata.Numbers("image_mean", 3), metadata.Numbers("image_std", 3)),
        };
    }

    private static int? Id(GraphMetadata metadata, string key) => metadata.Text(key) == "none" ? null : metadata.Whole(key, 0, 2_000_000);
}

/// <summary>What Florence-2 is asked for a caption: each task is a sentence.</summary>
internal static class FlorenceTasks
{
    public const string Default = "detailed_caption";

    /// <summary>By the name of the task, from the shortest captions to the longest.</summary>
    public static IReadOnlyDictionary<string, string> Questions { get; } = new OrderedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["caption"] = "What does the image describe?",
        [Default] = "Describe in detail what is shown in the image.",
        ["more_detailed_caption"] = "Describe with a paragraph what is shown in the image.",
    };
}
