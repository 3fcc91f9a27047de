namespace Sana.Curation.Shards;

/// <summary>Labels of captioners, as they stand in names of sidecars and as keys among a sample's facts.</summary>
public static class CaptionLabel
{
    // Sana's loader merges sidecars into the sample's own json and finds captions and facts there by name.
    private static readonly string[] _taken =
    [
        Candidate.OriginalLabel, "file_name", "width", "height", "version", "prompt_label", "caption_label", "caption_licence", "uid", "sha256", "phash", "source_uri",
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
