namespace Sana.Curation.Captioning.Checks;

/// <summary>Texts that end where the endpoint's patience did.</summary>
internal static class CaptionCut
{
    private const int LongText = 20;
    private const string Ends = ".!?…。！？»”’\"')]」』~";

    /// <summary>
    /// Whether a text is cut: the endpoint says so, or a long text of full sentences ends in half a one. Lists and short captions go without a stop.
    /// </summary>
    public static bool Is(string text, string? finishReason)
    {
        if (finishReason == "length")
            return true;
        if (text.Length == 0 || Ends.Contains(text[^1], StringComparison.Ordinal) || CaptionText.Words(text) < LongText)
            return false;
        var ends = CaptionText.SentenceEnds(text).ToList();
        return ends.Count > 0 && char.IsLetterOrDigit(text[^1]) | text[^1] is ',' or ';' or ':' or '-' or '–' or '—';
    }

    /// <summary>Its full sentences; null when they have too few words.</summary>
    public static string? Salvage(string text, int words) => CaptionText.FullSentences(text, words);
}
