using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Takes an answer out of what was put around the whole of it: code fences, elements such as <c>&lt;answer&gt;</c>, pairs of tokens such as
/// <c>&lt;|begin_of_box|&gt;</c>, <c>\boxed{}</c>, JSON and Python values with a caption in them, labelled sections, quotation marks.
/// </summary>
internal static partial class AnswerEnvelope
{
    private const int FewestWords = 3;

    // From the surest name to the least: what an answer is called, then what a caption is called.
    private static readonly string[][] _elements =
    [
        ["answer", "final_answer", "finalanswer", "final", "conclusion", "solution", "final_response"],
        ["response", "output", "result", "reply"],
        ["caption", "image_caption", "final_caption", "detailed_caption"],
        ["description", "image_description", "detailed_description", "alt", "alt_text"],
    ];

    private static readonly string[] _containers = ["arguments", "parameters", "args", "result", "results", "output", "outputs", "response", "data", "answer", "image", "images", "properties", "item", "items", "content", "message"];
    private static readonly string[] _texts = ["text", "answer", "output", "response", "result", "content", "generatedtext", "alt", "alttext", "finalanswer", "summary"];

    /// <summary>What is inside of everything that surrounds it; null when it cannot be told which part is the caption.</summary>
    public static string? Open(string text)
    {
        for (var depth = 0; depth < 6; depth++)
        {
            if (OpenOnce(text) is not { } inside)
                return null;
            if (inside == text)
                return text;
            text = inside;
        }

        return text;
    }

    private static string? OpenOnce(string text)
    {
        if (EncodedJson().IsMatch(text))
            text = System.Net.WebUtility.HtmlDecode(text);
        text = ChatTemplate.Strip(text);
        if (Fenced(text) is { } fenced)
            return fenced;
        if (Boxed(text) is { } boxed)
            return boxed;
        if (Pair().Matches(text).LastOrDefault(pair => CaptionText.Words(pair.Groups[1].Value) >= FewestWords) is { } pair)
            return pair.Groups[1].Value.Trim();
        if (FinalResponse().Match(text) is { Success: true } final)
            return final.Groups[1].Value.Trim();
        var element = Element(text, out var isAmbiguous);
        if (element is not null || isAmbiguous)
            return isAmbiguous ? null : element;
        if (LooksLikeJson(text))
            return Json(text);
        var section = Sections(text, out isAmbiguous);
        return isAmbiguous ? null : section ?? Unquoted(text);
    }

    // A fence around all of it, or the only one between polite words.
    private static string? Fenced(string text)
    {
        var fences = Fence().Matches(text);
        if (fences.Count != 1)
            return null;
        var (fence, inside) = (fences[0], fences[0].Groups[2].Value.Trim());
        var outside = $"{text[..fence.Index].TrimEnd()}\n{text[(fence.Index + fence.Length)..]}".Trim();
        var isAlone = outside.Length == 0 || CaptionChatter.Strip(outside).Length == 0 || CaptionChatter.IsAnnouncement(text[..fence.Index]);
        return isAlone && (LooksLikeJson(inside) || fence.Groups[1].Value.ToLowerInvariant() is "" or "text" or "txt" or "markdown" or "md" or "plaintext" or "plain" or "caption" or "json" or "xml" or "html" or "yaml")
            ? inside : null;
    }

    // The braces of the last box, which may hold others.
    private static string? Boxed(string text)
    {
        var start = text.LastIndexOf("\\boxed{", StringComparison.Ordinal);
        if (start < 0)
            return null;
        start += "\\boxed{".Length;
        var depth = 1;
        for (var i = start; i < text.Length; i++)
        {
            depth += text[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth > 0)
                continue;
            var inside = LatexText().Replace(text[start..i].Trim(), "$1").Trim();
            return CaptionText.Words(inside) >= FewestWords ? inside : null;
        }

        return null;
    }

    private static string? Element(string text, out bool isAmbiguous)
    {
        isAmbiguous = false;
        var outside = CaptionText.WithoutQuotations(text);
        foreach (var names in _elements)
        {
            var found = ElementForm().Matches(text).Where(match => outside[match.Index] == '<' && names.Contains(match.Groups["name"].Value, StringComparer.OrdinalIgnoreCase))
                .Select(match => match.Groups["inside"].Value.Trim()).Where(inside => CaptionText.Words(inside) >= FewestWords).Distinct().ToList();
            isAmbiguous = found.Count > 1;
            if (found.Count > 0)
                return found[0];
        }

        return null;
    }

    private static bool LooksLikeJson(string text) => JsonStart().IsMatch(text) && (text is [.., '}' or ']' or ')' or '"' or '\''] || LooseJson.TryRead(text) is not null);

    private static string? Json(string text)
    {
        if (LooseJson.TryRead(text) is not { } read)
            return text[0] is '{' or '[' && !ColonAfterString().IsMatch(text) ? Unquoted(text) : null;
        if (CaptionChatter.Strip(text[read.End..].Trim()).Length > 0)
            return read.Value is JsonValue ? Unquoted(text) : null;
        return read.Value is JsonArray { Count: 0 } or JsonObject { Count: 0 } ? null : Caption(read.Value, 0);
    }

    /// <summary>The one caption in a value; null when there is none or more than one.</summary>
    private static string? Caption(JsonNode? node, int depth)
    {
        switch (node)
        {
            case JsonValue value:
                return value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;
            case JsonArray { Count: 1 } list:
                return Caption(list[0], depth + 1);
            case JsonObject found when depth < 6:
                var members = found.Select(member => (Name: string.Concat(member.Key.Where(char.IsLetter)).ToLowerInvariant(), member.Value)).ToList();
                Func<string, bool>[] tiers =
                [
                    name => name == "caption",
                    name => name.Contains("caption", StringComparison.Ordinal),
                    name => name == "description",
                    name => name.Contains("description", StringComparison.Ordinal),
                    name => _texts.Contains(name),
                    name => _containers.Contains(name),
                ];
                foreach (var tier in tiers)
                {
                    var named = members.Where(member => tier(member.Name)).Select(member => Caption(member.Value, depth + 1)).Where(caption => caption is not null).Distinct().ToList();
                    if (named.Count > 0)
                        return named.Count == 1 ? named[0] : null;
                }

                return members.Count == 1 && !ThoughtName().IsMatch(members[0].Name) ? Caption(members[0].Value, depth + 1) : null;
            default:
                return null;
        }
    }

    // Title: … Caption: … Tags: …: one section is the caption, if one is called so.
    private static string? Sections(string text, out bool isAmbiguous)
    {
        isAmbiguous = false;
        var labels = Section().Matches(text);
        if (labels.Count < 2)
            return null;
        var captions = new List<string>();
        for (var i = 0; i < labels.Count; i++)
        {
            if (!CaptionLabelled().IsMatch(labels[i].Groups[1].Value))
                continue;
            var start = labels[i].Index + labels[i].Length;
            captions.Add(text[start..(i + 1 < labels.Count ? labels[i + 1].Index : text.Length)].Trim());
        }

        isAmbiguous = captions.Distinct().Count() > 1;
        return captions.FirstOrDefault();
    }

    private static string Unquoted(string text)
    {
        text = text.Trim();
        foreach (var (open, close) in new[] { ("\"", "\""), ("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"), ("'", "'"), ("‘", "’"), ("**", "**"), ("*", "*"), ("__", "__"), ("_", "_"), ("``", "``"), ("`", "`") })
        {
            if (text.Length <= open.Length + close.Length || !text.StartsWith(open, StringComparison.Ordinal) || !text.EndsWith(close, StringComparison.Ordinal))
                continue;
            var inside = text[open.Length..^close.Length];
            if (open is "'" or "‘" ? !QuoteEdge().IsMatch(inside) : !inside.Contains(open, StringComparison.Ordinal) && !inside.Contains(close, StringComparison.Ordinal))
                return inside.Trim();
        }

        return text;
    }

    [GeneratedRegex(@"(?:```|~~~)[ \t]*(\w*)[ \t]*(?:\n|(?<=(?:```|~~~)[ \t]*(?:json)?[ \t]*)(?=[^\n]))(.*?)\n?[ \t]*(?:```|~~~)", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\A\\text(?:bf|it|rm)?\{(.*)\}\z", RegexOptions.Singleline)]
    private static partial Regex LatexText();

    [GeneratedRegex("""
        <\|[^|<>]{0,40}(?:(?:begin|start)[^|<>]{0,20}(?:box|response|answer|solution|content|output|caption|final)|(?:response|answer|solution|content|output|caption|final)[^|<>]{0,20}(?:begin|start))[^|<>]{0,20}\|>
          ((?:(?!<\|).)*)(?:<\||\z)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Pair();

    [GeneratedRegex(@"\[BEGIN FINAL RESPONSE\](.*?)(?:\[END FINAL RESPONSE\]|\z)", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex FinalResponse();

    [GeneratedRegex(@"<(?<name>[A-Za-z][\w-]{0,40})(?:\s[^<>]{0,100})?>(?<inside>(?:(?!<\k<name>[\s>]).)*?)(?:</\k<name>\s*>|\z)", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex ElementForm();

    [GeneratedRegex("""\A(?:\{\s*["'“}]|\[\s*[\[{"'\]]|\(\s*["']|"\s*[\[{])""")]
    private static partial Regex JsonStart();

    [GeneratedRegex("""["'”]\s*:""")]
    private static partial Regex ColonAfterString();

    [GeneratedRegex("""\A[\[{"']\s*(?:[\[{]\s*)?&(?:quot|\#34|\#39|apos);""")]
    private static partial Regex EncodedJson();

    [GeneratedRegex("think|thought|reason")]
    private static partial Regex ThoughtName();

    [GeneratedRegex("""
        ^[\s*_\#>-]*((?:(?:short|long|brief|detailed|final|image|full|main|alt|one-sentence|english)\ ){0,3}
          (?:caption|description|title|tags|keywords|hashtags|alt\ text|alt-text|subject|category|style|mood|objects|colou?rs|confidence|notes?|question|user|prompt))
          [ *_]*[:：][ *_]*
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex("caption|description", RegexOptions.IgnoreCase)]
    private static partial Regex CaptionLabelled();

    [GeneratedRegex(@"(?<!\w)['‘’]|['‘’](?!\w)")]
    private static partial Regex QuoteEdge();
}
