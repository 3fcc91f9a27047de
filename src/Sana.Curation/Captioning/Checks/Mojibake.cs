using System.Text;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>UTF-8 that somebody read as Windows-1252 (<c>cafÃ©</c>), and letters that are lost.</summary>
internal static partial class Mojibake
{
    private static readonly Encoding _windows =
        CodePagesEncodingProvider.Instance.GetEncoding(1252, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text, mended where that can be undone; null when letters are lost.</summary>
    public static string? Mend(string text)
    {
        if (text.Contains('\ufffd', StringComparison.Ordinal))
            return null;
        if (!Signs().IsMatch(text))
            return text;
        // Word by word: a text is seldom broken as a whole, and one good letter outside of the code page would spoil the rest.
        return Chunk().Replace(text, chunk => Undo(chunk.Value));
    }

    private static string Undo(string chunk)
    {
        if (!Signs().IsMatch(chunk))
            return chunk;
        try
        {
            return _strict.GetString(_windows.GetBytes(chunk)).Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            return chunk; // it was meant
        }
    }

    [GeneratedRegex("[ÂÃ][\u0080-\u00bf]|â€|ðŸ|Ã\u00a0|[ÐÑ][\u0080-\u00bf\u0160\u0161\u2018-\u201d]")]
    private static partial Regex Signs();

    [GeneratedRegex("[^ \n\t]+")]
    private static partial Regex Chunk();
}
