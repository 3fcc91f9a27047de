namespace Sana.Curation;

/// <summary>One image of a source and all that is known of it, kept or not: a row of the index. Steps fill it from left to right.</summary>
public sealed record IndexRow
{
    /// <value>The sample's key in shards: <see cref="Uid"/>, or for rows that are not in shards <c>{shard:00000}-{row:0000}</c>. Unique in a dataset.</value>
    public required string Key { get; init; }

    /// <value>First 128 bits of <see cref="Sha256"/> in hexadecimal; null when no byte was read.</value>
    public string? Uid { get; init; }

    /// <value>The shard, from 0.</value>
    public required int Shard { get; init; }

    /// <value>Place in the shard's item list, from 0.</value>
    public required int Row { get; init; }

    /// <value>Where the image came from.</value>
    public required string SourceUri { get; init; }

    /// <value>SHA-256 of the bytes as they came, lower-case hexadecimal.</value>
    public string? Sha256 { get; init; }

    /// <value>Perceptual hash, 16 hexadecimal digits.</value>
    public string? Phash { get; init; }

    /// <value>Colours of the image in a grid of 4 × 4, 32 hexadecimal digits; see <see cref="Ingest.IngestedImage.Colours"/>.</value>
    public string? Colours { get; init; }

    /// <value>
    /// <c>success</c>: in the shard · <c>rejected</c>: the image itself · <c>filtered</c>: a rule · <c>duplicate</c> · <c>known</c>: in an earlier version ·
    /// <c>failed</c>: captions or scores are missing, <c>sana retry</c> may cure it.
    /// </value>
    public required string Status { get; init; }

    /// <value>A code of <see cref="Reasons"/>; null for success.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? ErrorMessage { get; init; }

    /// <value>Pixels of the normalised image.</value>
    public int? Width { get; init; }

    /// <inheritdoc cref="Width"/>
    public int? Height { get; init; }

    /// <value>Pixels as the header gave them.</value>
    public int? OriginalWidth { get; init; }

    /// <inheritdoc cref="OriginalWidth"/>
    public int? OriginalHeight { get; init; }

    /// <value>jpeg, png, webp, gif or tiff.</value>
    public string? Format { get; init; }

    /// <value>Bytes as they came.</value>
    public long? Bytes { get; init; }

    /// <value>Frames of the file.</value>
    public int? Frames { get; init; }

    /// <value>Codes of what was mended or ignored on the way.</value>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <value>Key of the first image with these bytes, or that looks like it.</value>
    public string? DuplicateOf { get; init; }

    /// <value>The caption that the source gave.</value>
    public string? Original { get; init; }

    /// <value>The other captions that the source gave, each with a label of its own; null for none.</value>
    public IReadOnlyList<LabelledCaption>? MoreOriginals { get; init; }

    /// <value>Encoding of the original caption when it was not UTF-8.</value>
    public string? CaptionEncoding { get; init; }

    /// <value>Licence as the source states it.</value>
    public string? Licence { get; init; }

    /// <value>The chosen caption.</value>
    public string? Caption { get; init; }

    /// <value>Label of the chosen candidate.</value>
    public string? CaptionLabel { get; init; }

    /// <value>Its score, as <see cref="Candidate.Score"/>.</value>
    public double? CaptionScore { get; init; }

    /// <value>power, softmax, max, top-k or proportion.</value>
    public string? SelectionMethod { get; init; }

    /// <value>Probability with which the chosen caption was drawn.</value>
    public double? SelectionProb { get; init; }

    /// <value>Candidates that there should be: captioners, and the original where the source has one.</value>
    public int CandidatesExpected { get; init; }

    /// <value>Candidates that could be chosen.</value>
    public int CandidatesPresent { get; init; }

    /// <value>Every caption, chosen or not, usable or not.</value>
    public IReadOnlyList<Candidate> Candidates { get; init; } = [];

    /// <value>Scores of the image against the configured concepts (0…100), such as <c>nsfw</c> or <c>watermark</c>.</value>
    public IReadOnlyList<ConceptScore> Concepts { get; init; } = [];

    /// <value>What the judges of the run say of the image, in their order; null for none.</value>
    public IReadOnlyList<JudgeScore>? Judges { get; init; }
}

/// <summary>A caption that came with an image beside the first.</summary>
/// <param name="Label">The label of its candidate.</param>
/// <param name="Text">The caption.</param>
public sealed record LabelledCaption(string Label, string Text);

/// <summary>One caption of an image.</summary>
public sealed record Candidate
{
    /// <summary>The label of the caption that came with the image.</summary>
    public const string OriginalLabel = "prompt";

    /// <value>The captioner's label; <c>prompt</c> for the original.</value>
    public required string Label { get; init; }

    /// <value>The model; null for the original.</value>
    public string? Model { get; init; }

    /// <value>The model's revision.</value>
    public string? ModelRevision { get; init; }

    /// <value>Licence of the model's captions.</value>
    public string? Licence { get; init; }

    /// <value>Which prompt and decoding.</value>
    public string? PromptId { get; init; }

    /// <value>The caption as it may be used; null when there is a <see cref="Reason"/>.</value>
    public string? Text { get; init; }

    /// <value>The text as it came.</value>
    public string? TextRaw { get; init; }

    /// <value>ISO 639-1 code of the language found; null when nobody looked.</value>
    public string? Lang { get; init; }

    /// <value>Words of <see cref="Text"/>.</value>
    public int Words { get; init; }

    /// <value>stop, length …</value>
    public string? FinishReason { get; init; }

    /// <value>Tokens asked with.</value>
    public int InputTokens { get; init; }

    /// <value>Tokens answered.</value>
    public int OutputTokens { get; init; }

    /// <value>Price of all attempts.</value>
    public decimal Cost { get; init; }

    /// <value>Requests sent.</value>
    public int Attempts { get; init; }

    /// <value>Codes of what the checks found, also where the text was mended and kept.</value>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <value>Why it cannot be chosen; null for a usable one.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }

    /// <value>Tokens of the text by the scorer, CLIP or SigLIP, before any cut.</value>
    public int? ClipTokens { get; init; }

    /// <value>Whether the scorer saw a cut text.</value>
    public bool? ClipTruncated { get; init; }

    /// <value>Score (100 × cosine, −100…100) of the cut text by the scorer, CLIP or SigLIP. A negative one counts as 0 where a caption is chosen and in sidecars.</value>
    public double? Score { get; init; }

    /// <value>Mean score of windows over the whole text; equals <see cref="Score"/> when nothing is cut.</value>
    public double? WindowScore { get; init; }

    /// <value>Scores by further scorers, each on its own scale; null for none.</value>
    public IReadOnlyList<ScorerScore>? OtherScores { get; init; }

    /// <value>Probability under the selection rule; null when it was not a candidate.</value>
    public double? Prob { get; init; }
}

/// <summary>What a further scorer says of a caption.</summary>
/// <param name="Scorer">Its name, as in columns.</param>
/// <param name="Score">As <see cref="Candidate.Score"/>; null where the network gave no finite number.</param>
/// <param name="WindowScore">As <see cref="Candidate.WindowScore"/>.</param>
public sealed record ScorerScore(string Scorer, double? Score, double? WindowScore);

/// <summary>How much an image looks like a concept.</summary>
/// <param name="Name">The concept's name in the configuration.</param>
/// <param name="Score">100 × cosine with the nearest of its texts.</param>
public sealed record ConceptScore(string Name, double Score);

/// <summary>What became of an image: the closed set of <see cref="IndexRow.Status"/>.</summary>
public static class RowStatus
{
    /// <summary>It is in the shard.</summary>
    public const string Success = "success";

    /// <summary>The image itself cannot be used.</summary>
    public const string Rejected = "rejected";

    /// <summary>A rule keeps it out.</summary>
    public const string Filtered = "filtered";

    /// <summary>Another image has its bytes or its looks.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>An earlier version of the dataset has it.</summary>
    public const string Known = "known";

    /// <summary>Captions or scores are missing; a retry may cure it.</summary>
    public const string Failed = "failed";
}

/// <summary>Labels of captioners, as they stand in names of sidecars and as keys among a sample's facts.</summary>
public static class CaptionLabel
{
    // Sana's loader merges sidecars into the sample's own json and finds captions and facts there by name.
    private static readonly string[] _taken =
    [
        Candidate.OriginalLabel, "file_name", "caption", "width", "height", "version", "prompt_label", "caption_label", "caption_licence", "uid", "sha256", "phash", "source_uri",
        "licence", "stats", "clip_score",
    ];

    /// <summary>Refuses a label that Sana's loader, or the names of sidecars, would not carry.</summary>
    /// <exception cref="CurationException">A sentence that says what is allowed.</exception>
    public static string Check(string label)
    {
        ArgumentNullException.ThrowIfNull(label);
        if (label.Length is < 1 or > 64 || !label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new CurationException($"Captioner label '{label}' is not allowed; use 1…64 ASCII letters, digits, hyphens and underscores, no dots.");
        if (_taken.Contains(label, StringComparer.OrdinalIgnoreCase) || label.EndsWith("_clip_score", StringComparison.OrdinalIgnoreCase))
            throw new CurationException($"Captioner label '{label}' means something else in shards; use another, such as the model's name.");
        return label;
    }
}
