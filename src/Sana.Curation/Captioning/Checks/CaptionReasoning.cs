using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Removes the thoughts that a model wrote before its answer: what stands in a tag of any form whose name contains think, thought, reason, analysis, reflect or
/// scratchpad, in a channel of its own, or under a heading such as <c>Thinking:</c>.
/// </summary>
internal static partial class CaptionReasoning
{
    /// <summary>The answer without the thoughts; null when they never end, empty when nothing follows them.</summary>
    public static string? Strip(string text)
    {
        var answer = Details().Replace(text, " ");
        if (Channel().Match(answer) is { Success: true } channel)
            answer = answer[(channel.Index + channel.Length)..];
        answer = ThoughtChannel().Replace(answer, " ");
        if (OpenChannel().IsMatch(answer))
            return null;
        if (Tagged(answer) is not { } bare)
            return null;
        if (Console().Match(bare) is { Success: true } console)
            bare = bare[(console.Index + console.Length)..];
        bare = bare.Trim();
        if (!Headed().IsMatch(bare) && !Musing().IsMatch(bare))
            return bare;
        return FinalMark().Matches(bare) is { Count: > 0 } marks && marks[^1] is var mark ? bare[(mark.Index + mark.Length)..].Trim() : null;
    }

    // Each block goes. A close without an open ends thoughts that the prompt opened; an open without a close may still be followed by a marked answer.
    private static string? Tagged(string text)
    {
        var tags = Tag().Matches(text).Where(tag => Thought().IsMatch(tag.Groups["name"].Value)).ToList();
        var rest = text;
        for (var i = tags.Count - 1; i >= 0; i--)
        {
            if (!IsClose(tags, i))
                continue;
            var open = i - 1;
            while (open > 0 && !IsClose(tags, open - 1) && !IsClose(tags, open))
                open--;
            var begin = open >= 0 && !IsClose(tags, open) ? tags[open].Index : 0;
            rest = rest[..begin] + " " + rest[(tags[i].Index + tags[i].Length)..];
            if (begin == 0)
                return rest.Trim();
            i = open;
        }

        if (tags.Count == 0 || IsClose(tags, tags.Count - 1))
            return rest;
        var last = rest.LastIndexOf(tags[^1].Value, StringComparison.Ordinal);
        return AnswerTag().Match(rest, last) is { Success: true } marked ? rest[marked.Index..] : null;
    }

    // A slash or the word end; or the second of two equal tokens, which some models use as a pair.
    private static bool IsClose(List<Match> tags, int i)
    {
        if (Closing().IsMatch(tags[i].Value))
            return true;
        return tags[i].Value[1] == '|' && i % 2 == 1 && tags[i - 1].Value == tags[i].Value && !tags.Exists(tag => Closing().IsMatch(tag.Value));
    }

    [GeneratedRegex(@"<(?<name>[^<>\s]{1,80})(?:\s[^<>]{0,200})?>|\[(?<name>/?(?:BEGIN_|END_)?(?:THINK|THINKING|THOUGHT|THOUGHTS|REASONING))\]|◁(?<name>[^◁▷]{1,40})▷")]
    private static partial Regex Tag();

    [GeneratedRegex("think|thought|reason|analysis|reflect|scratchpad|rumination", RegexOptions.IgnoreCase)]
    private static partial Regex Thought();

    [GeneratedRegex(@"^.\|?/|(?<![a-z])end(?![a-z])", RegexOptions.IgnoreCase)]
    private static partial Regex Closing();

    [GeneratedRegex(@"<[^<>/\s]*(?:answer|response|conclusion|solution|final|output|caption)[^<>/]*>", RegexOptions.IgnoreCase)]
    private static partial Regex AnswerTag();

    [GeneratedRegex(@"<details\b[^<>]*(?:reason|think|thought)[^<>]*>.*?</details>", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Details();

    [GeneratedRegex(@"^.*<\|channel\|>final(?:\s[^<]*)?<\|message\|>", RegexOptions.Singleline)]
    private static partial Regex Channel();

    [GeneratedRegex(@"<\|channel>(?:thought|think|analysis|reasoning).*?<channel\|>", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex ThoughtChannel();

    [GeneratedRegex(@"<\|channel\|>(?:analysis|commentary)|<\|channel>(?:thought|think|analysis|reasoning)", RegexOptions.IgnoreCase)]
    private static partial Regex OpenChannel();

    [GeneratedRegex(@"\A\s*Thinking\.\.\..*\.\.\.done thinking\.", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Console();

    [GeneratedRegex(@"\A[\s*_#>]*(?:my\ )?(?:thinking|thoughts?|reasoning|chain[ -]of[ -]thought|thought\ process|thinking\ process)[ *_]*(?::|\n)|\A```(?:thinking|thought|reasoning)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Headed();

    // How thoughts without any mark begin. Captions do not speak of a user, and do not plan.
    [GeneratedRegex("""
        \A(?:(?:okay|ok|alright|all\ right|got\ it|so|hmm+|well|now|first)[,.!]?\s+)*
        (?:the\ user(?:'s|\ (?:wants|asks|asked|is\ asking|has|provided|needs|just|would|uploaded|requested))
        |let(?:'s|’s|\ us|\ me)\ (?:start|see|look|think|analy[sz]e|break|tackle|figure|begin|go\ through|first)\b
        |(?:i|we)\ (?:need|have|should|am\ asked|are\ asked|was\ asked|were\ asked)\ to\ (?:describe|write|caption|provide|create|generate|give|analy[sz]e|look|start|produce))
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Musing();

    [GeneratedRegex("""
        (?:^[\s*_\#>]*(?:the\ )?(?:final\ |my\ |full\ )?(?:answer|caption|description|output|response)(?:\ is|\ would\ be)?[ *_]*:[ *_]*
        |\[BEGIN\ FINAL\ RESPONSE\]|^```\s*\n(?=[^`]*\z))
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.Multiline)]
    private static partial Regex FinalMark();
}
