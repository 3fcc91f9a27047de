using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Removes what belongs to the chat and not to the caption: tokens of its template, names of speakers, markup, JSON, a polite phrase before the answer.
/// </summary>
internal static partial class CaptionLeak
{
    private static readonly string[] _captionFields = ["caption", "description", "detailed_caption", "image_description", "text", "answer"];

    /// <summary>The caption alone; null when something is left that cannot be told from it.</summary>
    public static string? Strip(string text)
    {
        if (Unwrapped(text) is not { } bare)
            return null;
        bare = Leading().Replace(bare, "").Trim();
        bare = CutAt(End(), bare);
        bare = CutAt(NextTurn(), bare);
        bare = WithoutMarkup(bare);
        bare = Announcement().Replace(bare, "").Trim();
        bare = Unquoted(bare);
        var outside = CaptionText.WithoutQuotations(bare);
        return Residue().IsMatch(outside) || bare.StartsWith("{\"", StringComparison.Ordinal) ? null : bare;
    }

    // A code fence around all of it, a JSON object around the caption, or both.
    private static string? Unwrapped(string text)
    {
        if (Fence().Match(text) is { Success: true } fence)
            text = fence.Groups[1].Value.Trim();
        if (text is not (['{', .., '}'] or ['[', .., ']']))
            return text;
        try
        {
            var root = JsonElement.Parse(text);
            if (root.ValueKind == JsonValueKind.Array)
                root = root.GetArrayLength() == 1 ? root[0] : default;
            return root.ValueKind switch
            {
                JsonValueKind.String => root.GetString(),
                JsonValueKind.Object => Field(root),
                _ => null,
            };
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return text;
        }
    }

    private static string? Field(JsonElement root)
    {
        var texts = root.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String).ToList();
        var named = texts.Where(member => _captionFields.Contains(member.Name, StringComparer.OrdinalIgnoreCase)).ToList();
        return named.Count == 1 ? named[0].Value.GetString() : texts.Count == 1 && root.GetPropertyCount() == 1 ? texts[0].Value.GetString() : null;
    }

    private static string CutAt(Regex mark, string text)
    {
        var outside = CaptionText.WithoutQuotations(text);
        return mark.Match(outside) is { Success: true } found ? text[..found.Index].Trim() : text;
    }

    private static string WithoutMarkup(string text)
    {
        var quotations = CaptionText.Quotations(text);
        text = Tags().Replace(text, tag => quotations.Exists(quotation => quotation.Start <= tag.Index && tag.Index < quotation.End) ? tag.Value : " ");
        text = Emphasis().Replace(text, "$1");
        return text.Contains('\n', StringComparison.Ordinal) ? Bullets().Replace(Heading().Replace(text, ""), "").Trim() : text.Trim();
    }

    private static string Unquoted(string text) => text is ['"', .. var inside, '"'] && !inside.Contains('"', StringComparison.Ordinal) ? inside.Trim()
        : text is ['“', .. var curly, '”'] && !curly.Contains('“', StringComparison.Ordinal) ? curly.Trim() : text;

    [GeneratedRegex(@"\A```\w*\s*\n?(.*?)\n?\s*```\z", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("""
        \A(?:\s*(?:<s>|<bos>|<unk>|<pad>|</s>|</?img>|<image>|\[/?INST\]|<</?SYS>>
          |<\|im_start\|>\s*(?:assistant|user|system)?|<start_of_turn>\s*(?:model|user)?|<\|start_header_id\|>\w*<\|end_header_id\|>
          |<\|(?:begin_of_text|image_pad|vision_start|vision_end|assistant|user|image_\d+|im_end|eot_id|endoftext)\|>
          |(?:\#\#\#\s*)?(?:ASSISTANT|Assistant|GPT|Response)\s*:))+
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Leading();

    [GeneratedRegex("""
        <\|(?:im_end|im_start|eot_id|eom_id|end|endoftext|end_of_text|return|assistant_end|start_header_id)\|>|</s>|<s>|<eos>|<end_of_turn>
          |<start_of_turn>|<｜end▁of▁sentence｜>|\[/?INST\]
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex End();

    [GeneratedRegex(@"(?:\n\s*|(?<=[.!?…])\s+)(?:\#{2,3}\s*)?(?:USER|ASSISTANT|SYSTEM|Human|User|Assistant|\#\#\# (?:Instruction|Response))\s*:")]
    private static partial Regex NextTurn();

    [GeneratedRegex(@"</?(?:br|p|b|i|em|strong|div|span|caption|answer|description|ul|li)\s*/?>", RegexOptions.IgnoreCase)]
    private static partial Regex Tags();

    [GeneratedRegex(@"(?<![\w*])\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*(?![\w*])")]
    private static partial Regex Emphasis();

    [GeneratedRegex(@"^\s{0,3}\#{1,6}\s+[^\n]{0,80}\n", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"^\s*[-*•]\s+", RegexOptions.Multiline)]
    private static partial Regex Bullets();

    [GeneratedRegex("""
        \A(?:(?:sure|certainly|of\ course|absolutely|okay)[!,.]\s*)?
        (?:here(?:'s|’s|\ is)\ (?:a|an|the|your|my)\ [^:\n.]{0,80}:\s*|(?:image\ |detailed\ |long\ |short\ )*(?:caption|description)\s*:\s*|(?:output
          |answer)\s*:\s*|(?<=[!.]\s*))
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Announcement();

    [GeneratedRegex("""
        <\|[^|>\s]{1,40}\|>|<｜[^｜>]{1,40}｜>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk|image|img|start_of_turn|end_of_turn)>|<0x[0-9A-Fa-f]{2}>
          |<extra_id_\d+>|<unused\d+>|```
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Residue();
}

/// <summary>Removes the reasoning that a model wrote before its answer.</summary>
internal static partial class CaptionReasoning
{
    /// <summary>The answer without the thoughts; null when they never end, empty when nothing follows them.</summary>
    public static string? Strip(string text)
    {
        var answer = Closed().Replace(text, " ").Trim();
        // Some chat templates open the thoughts in the prompt, so that only the end comes back.
        if (Close().Matches(answer).LastOrDefault() is { } close)
            answer = answer[(close.Index + close.Length)..].Trim();
        if (Channel().Match(answer) is { Success: true } channel)
            answer = answer[(channel.Index + channel.Length)..].Trim();
        return Open().IsMatch(answer) ? null : answer;
    }

    [GeneratedRegex(@"<(think|thinking|thought|reasoning|analysis)>.*?</\1>|◁think▷.*?◁/think▷|\[THINK\].*?\[/THINK\]", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Closed();

    [GeneratedRegex(@"</(?:think|thinking|thought|reasoning|analysis)>|◁/think▷|\[/THINK\]", RegexOptions.IgnoreCase)]
    private static partial Regex Close();

    [GeneratedRegex(@"<(?:think|thinking|thought|reasoning|analysis)>|◁think▷|\[THINK\]|<\|channel\|>analysis", RegexOptions.IgnoreCase)]
    private static partial Regex Open();

    [GeneratedRegex(@"^.*<\|channel\|>final<\|message\|>", RegexOptions.Singleline)]
    private static partial Regex Channel();
}

/// <summary>Removes the prompt from an answer that repeats it.</summary>
internal static class PromptEcho
{
    // Shorter pieces, such as "a photo of", begin captions of their own right.
    private const int FewestLetters = 16;
    private const int FewestWords = 4;
    private const int WordsAnywhere = 8;

    /// <summary>The text without the prompt before it; null when the prompt stands elsewhere in it, empty when there is nothing else.</summary>
    public static string? Strip(string text, IEnumerable<string> prompt)
    {
        var lines = prompt.SelectMany(piece => piece.Split('\n')).Select(CaptionText.Split);
        var asked = lines.Where(words => words.Count >= FewestWords && words.Sum(word => word.Letters.Length) >= FewestLetters).ToList();
        if (asked.Count == 0)
            return text;
        var rest = text;
        while (CaptionText.Split(rest) is var words && asked.Find(line => StartsWith(words, 0, line)) is { } echoed)
            rest = rest[words[echoed.Count - 1].End..].TrimStart(' ', '\n', '\t', '.', ':', '!', '?', '"', '-');
        var left = CaptionText.Split(CaptionText.WithoutQuotations(rest));
        return asked.Exists(line => line.Count >= WordsAnywhere && Enumerable.Range(0, left.Count).Any(at => StartsWith(left, at, line))) ? null : rest;
    }

    private static bool StartsWith(List<Word> words, int at, List<Word> line)
    {
        if (words.Count - at < line.Count)
            return false;
        for (var i = 0; i < line.Count; i++)
        {
            if (words[at + i].Letters != line[i].Letters)
                return false;
        }

        return true;
    }
}

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
