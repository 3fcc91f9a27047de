using System.Text;

namespace Sana.Inference.Text;

/// <summary>Text from outside as valid Unicode of bounded length, which is what all rules of this folder start from.</summary>
internal static class UnicodeText
{
    /// <summary>Ten times the longest prompt that is let in; merging stays well under a second.</summary>
    public const int MaxLength = 1_000_000;

    /// <summary>The text with each lone surrogate replaced by U+FFFD; the same string when there is none.</summary>
    /// <exception cref="InferenceException">The text is longer than <see cref="MaxLength"/>.</exception>
    public static string Checked(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength) throw new InferenceException($"The text has {text.Length:N0} characters, the limit is {MaxLength:N0}; shorten it.");
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;

        var valid = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) valid.Append(rune);
        return valid.ToString();
    }
}
