using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>Removes where things are, as grounding models write it into their captions: boxes, points, location tokens, and the marks around the words they belong to.</summary>
internal static partial class CaptionGrounding
{
    /// <summary>The words alone.</summary>
    public static string Strip(string text)
    {
        var bare = Places(text);
        return bare == text ? text : Gap().Replace(SpaceBeforeStop().Replace(bare, ""), " ").Trim();
    }

    private static string Places(string text)
    {
        var outside = CaptionText.WithoutQuotations(text);
        bool IsLettering(Match match) => outside[match.Index] == ' ' && text[match.Index] != ' ';
        var bare = Place().Replace(text, place => IsLettering(place) ? place.Value : " ");
        if (bare != text)
            (text, outside) = (bare, CaptionText.WithoutQuotations(bare));
        bare = Mark().Replace(text, mark => IsLettering(mark) ? mark.Value : " ");
        if (bare != text)
            (text, outside) = (bare, CaptionText.WithoutQuotations(bare));
        return Coordinates().Replace(text, place => IsLettering(place) ? place.Value : " ");
    }

    [GeneratedRegex("[ \t]+(?=[.,;:!?)])")]
    private static partial Regex SpaceBeforeStop();

    [GeneratedRegex("[ \t]{2,}")]
    private static partial Regex Gap();

    // A place and what it holds: nothing but numbers.
    [GeneratedRegex("""
        <(?<name>box|quad|object|det|bbox|loc|location|coordinates?)(?:\s[^<>]{0,100})?>[^A-Za-z]{0,400}?</\k<name>>
          |<object>(?:\s*<[^<>]{1,60}>)*\s*</object>
          |<\|(?<token>box|quad|point)_start\|>[^A-Za-z]{0,400}?<\|\k<token>_end\|>|<\|det\|>[^A-Za-z]{0,400}?<\|/det\|>
          |</?(?:loc|seg|patch_index|bin)_?\d{1,5}>|<\|(?:loc|coord|bin)_?\d{1,5}\|>|<(?:point|points)\s[^<>]{0,400}/>|<delimiter_of_multi_objects/>|\[SEG\]
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Place();

    // What stands around the words of a place.
    [GeneratedRegex("""
        </?(?:ref|phrase|grounding|p|point|points|obj|od|region)(?:\s[^<>]{0,400})?>|<\|/?(?:object_ref_start|object_ref_end|ref|grounding)\|>
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Mark();

    // Four numbers in brackets, lists of them, or two corners.
    [GeneratedRegex("""
        \[{1,2}\s*-?\d{1,5}(?:\.\d+)?(?:\s*,\s*-?\d{1,5}(?:\.\d+)?){3}\s*\](?:\s*[,;]?\s*\[\s*-?\d{1,5}(?:\.\d+)?(?:\s*,\s*-?\d{1,5}(?:\.\d+)?){3}\s*\])*\]?
          |\[{1,2}\s*\d{1,5}(?:\.\d+)?(?:\s*,\s*\d{1,5}(?:\.\d+)?){3}(?:\s*;\s*\d{1,5}(?:\.\d+)?(?:\s*,\s*\d{1,5}(?:\.\d+)?){3})*\s*\]{1,2}
          |\(\d{1,5}(?:\.\d+)?\s*,\s*\d{1,5}(?:\.\d+)?\)\s*,\s*\(\d{1,5}(?:\.\d+)?\s*,\s*\d{1,5}(?:\.\d+)?\)
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Coordinates();
}
