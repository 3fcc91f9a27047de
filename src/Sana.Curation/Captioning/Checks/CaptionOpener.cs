using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>Removes the phrases with which language models begin nearly every caption.</summary>
internal static partial class CaptionOpener
{
    /// <summary>The text without them, its first letter a capital.</summary>
    public static string Strip(string text)
    {
        var bare = Opener().Replace(text, "");
        return bare.Length == text.Length || bare.Length == 0 ? text : char.ToUpperInvariant(bare[0]) + bare[1..];
    }

    [GeneratedRegex("""
        \A(?:in\ (?:the|this)\ (?:image|picture|photo|photograph|scene),?\ (?:we\ (?:can\ )?see\ |there\ (?:is|are)\ |we\ have\ )?
        |(?:the|this)\ (?:image|picture|photo|photograph|scene|illustration)\ (?:depicts|shows|features|displays|captures|presents|portrays|showcases
          |contains|illustrates|is\ of|appears\ to\ (?:show|depict))\ )
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Opener();
}
