using System.Net;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Takes the caption out of an answer: what surrounds it (<see cref="AnswerEnvelope"/>), grounding, markup and chatter go; what is left of them in the middle
/// cannot be told from the caption.
/// </summary>
internal static partial class CaptionMarkup
{
    /// <summary>The caption alone, empty when there is none; null when something is left that cannot be told from it.</summary>
    public static string? Strip(string text)
    {
        // What surrounds an answer may stand within chatter and the other way round.
        for (var round = 0; round < 4; round++)
        {
            var before = text;
            if (AnswerEnvelope.Open(text) is not { } inside)
                return null;
            text = CaptionGrounding.Strip(Unescaped(inside));
            text = CaptionChatter.Strip(WithoutMarks(text));
            if (text == before)
                break;
        }

        var outside = CaptionText.WithoutQuotations(text);
        return Residue().IsMatch(outside) || CutValue().IsMatch(text) || Alternatives().Count(outside) > 1 ? null : text;
    }

    /// <summary>Whether a text begins as JSON does and has no end.</summary>
    public static bool IsCutValue(string text) => CutValue().IsMatch(ChatTemplate.Strip(text)) && !text.TrimEnd('`', '\n', ' ').EndsWith('}');

    // Entities of HTML, escapes of JSON, marks of tokenizers: letters written in another way.
    private static string Unescaped(string text)
    {
        for (var times = 0; times < 2 && Entity().IsMatch(text); times++)
            text = Entity().Replace(text, entity => WebUtility.HtmlDecode(entity.Value));
        text = EscapedQuote().Replace(text, "$1");
        text = EscapedLetter().Replace(text, code => ((char)Convert.ToUInt16(code.Groups[1].Value, 16)).ToString());
        if (EscapedBreak().IsMatch(text) && !WindowsPath().IsMatch(text))
            text = EscapedBreak().Replace(text, "\n");
        if (SpaceMark().Count(text) > 1)
            text = text.Replace('Ġ', ' ').Replace('Ċ', '\n').Replace('▁', ' ');
        return WordEnd().Replace(WordPiece().Replace(text, ""), " ").Replace('\u00a0', ' ').Trim();
    }

    private static string WithoutMarks(string text)
    {
        text = Comment().Replace(text, " ");
        text = Outer().Replace(text, "").Trim();
        var quotations = CaptionText.Quotations(text);
        bool IsLettering(Match match) => quotations.Exists(quotation => quotation.Start <= match.Index && match.Index < quotation.End);
        var bare = Picture().Replace(text, picture => IsLettering(picture) ? picture.Value : picture.Groups[1].Value);
        bare = Tags().Replace(bare, tag => IsLettering(tag) ? tag.Value : " ");
        bare = Emphasis().Replace(bare, "$2");
        bare = Code().Replace(bare, "$1");
        if (bare.Contains('\n', StringComparison.Ordinal))
        {
            bare = Bullets().Replace(Heading().Replace(bare, ""), "");
            if (Numbered().Count(bare) > 1)
                bare = Numbered().Replace(bare, "");
            bare = Quote().Replace(bare, "");
        }

        bare = HeadingMark().Replace(bare, "").Trim();
        return bare == text ? text : Gap().Replace(SpaceBeforeStop().Replace(bare, "$1"), " ").Trim();
    }

    [GeneratedRegex("""\A(?:```(?:json)?\s*)?[\[{]\s*["']""")]
    private static partial Regex CutValue();

    [GeneratedRegex("&(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|[lr][sd]quo|eacute|egrave|agrave|uuml|ouml|auml|copy|reg|deg|times|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5});")]
    private static partial Regex Entity();

    [GeneratedRegex("""\\(["'])""")]
    private static partial Regex EscapedQuote();

    [GeneratedRegex(@"\\u([0-9A-Fa-f]{4})")]
    private static partial Regex EscapedLetter();

    [GeneratedRegex(@"\\r\\n|\\n|\\r(?![a-z])|\\t(?![a-z])")]
    private static partial Regex EscapedBreak();

    [GeneratedRegex(@"[A-Za-z]:\\|\\\\")]
    private static partial Regex WindowsPath();

    [GeneratedRegex("[ĠĊ▁]")]
    private static partial Regex SpaceMark();

    [GeneratedRegex(@"(?<=\w) ?##(?=[a-z])")]
    private static partial Regex WordPiece();

    [GeneratedRegex("</w>")]
    private static partial Regex WordEnd();

    [GeneratedRegex("<!--.*?-->", RegexOptions.Singleline)]
    private static partial Regex Comment();

    // Tags of any name before the first word and after the last one.
    [GeneratedRegex(@"\A(?:\s*</?[A-Za-z_][\w:.-]{0,60}(?:\s[^<>]{0,200})?/?>)+|(?:</?[A-Za-z_][\w:.-]{0,60}(?:\s[^<>]{0,200})?/?>\s*)+\z")]
    private static partial Regex Outer();

    [GeneratedRegex(@"!?\[([^\[\]\n]{1,300})\]\((?:https?:|data:|\.{0,2}/|\w+\.\w{2,4}\))[^()\s]*\)?")]
    private static partial Regex Picture();

    [GeneratedRegex(@"</?(?:br|hr|p|b|i|u|em|strong|small|sup|sub|div|span|font|center|h[1-6]|caption|answer|description|ul|ol|li|html|body|blockquote|code|pre|mark|q)(?:\s[^<>]{0,200})?/?>", RegexOptions.IgnoreCase)]
    private static partial Regex Tags();

    [GeneratedRegex(@"(?<![\w*_])(\*\*\*|\*\*|\*|__|_|~~)(?=[^\s*_])([^*\n]+?)(?<=[^\s*_])\1(?![\w*])")]
    private static partial Regex Emphasis();

    [GeneratedRegex("(?<![`\\w])`([^`\n]+)`(?![`\\w])")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\s{0,3}\#{1,6}\s+[^\n]{0,80}\n", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\A\#{1,6}\s+")]
    private static partial Regex HeadingMark();

    [GeneratedRegex(@"^\s*(?:[-*•·‣▪●◦–]|\+(?=\s))\s+", RegexOptions.Multiline)]
    private static partial Regex Bullets();

    [GeneratedRegex(@"^\s*\(?\d{1,2}[.)]\s+", RegexOptions.Multiline)]
    private static partial Regex Numbered();

    [GeneratedRegex(@"^\s*>\s?", RegexOptions.Multiline)]
    private static partial Regex Quote();

    [GeneratedRegex("[ \t]+([.,;:!?)])")]
    private static partial Regex SpaceBeforeStop();

    [GeneratedRegex("[ \t]{2,}")]
    private static partial Regex Gap();

    [GeneratedRegex(@"(?:^|\n)[\s*_\#]*(?:option|version|alternative|caption|choice)\s*\#?(?:\d|[A-C]|one|two|three)\b\s*[:.)(*-]", RegexOptions.IgnoreCase)]
    private static partial Regex Alternatives();

    [GeneratedRegex("""
        <\|[^|>\n]{1,60}\|>|<｜[^｜>]{1,60}｜>|\[/?INST\]|<</?SYS>>|</?[A-Za-z_][\w:.-]{0,60}(?:\s+[\w:-]+=[^<>]{0,200})?\s*/?>|<0x[0-9A-Fa-f]{2}>|\[UNK\]
          |<\|?channel\|?>|```|~~~|◁|▷|\\n|\\boxed|\A\{\s*["']|["']\s*:\s*[\["'{]|^\s*\|.*\|\s*$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.Multiline)]
    private static partial Regex Residue();
}
