using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Finds answers in which a model declines. Only the beginning counts: a refusal in the middle is a quotation, and cutting there would lose good text. The
/// phrases say what an "I" cannot do, so that <c>We can't see his face</c> and lettering such as <c>Sorry, we're closed</c> are none.
/// </summary>
internal static partial class CaptionRefusal
{
    private const int Beginning = 300;
    private const RegexOptions Options = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;
    private static readonly ConcurrentDictionary<string, Regex> _own = [];

    public static bool Is(string text, IReadOnlyList<string> patterns)
    {
        var head = text[..Math.Min(text.Length, Beginning)].Replace('’', '\'');
        return Speaker().IsMatch(head) || NoImage().IsMatch(head) || Elsewhere().IsMatch(head) || Whole().IsMatch(text.Replace('’', '\''))
            || patterns.Any(pattern => _own.GetOrAdd(pattern, Compile).IsMatch(head));
    }

    /// <summary>Whether a pattern can be used: without what makes matching slow on purpose.</summary>
    public static bool IsPattern(string pattern)
    {
        try
        {
            _own.GetOrAdd(pattern, Compile);
            return true;
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    private static Regex Compile(string pattern) => new($@"\A(?:{pattern})", Options);

    [GeneratedRegex("""
        \A(?:
        (?:i(?:'m|\ am)\ )?(?:very\ |really\ |so\ |truly\ |deeply\ )?sorry,?\ (?:but\ |that\ )?(?:for\ (?:the|any)\ (?:confusion|inconvenience
          |misunderstanding)|i(?:'m|\ am)?\ (?:can(?:'t|not)|can\ not|unable|not\ able|don't|do\ not|won't|will\ not|couldn't|could\ not|must))
        |i(?:'m|\ am)\ (?:very\ |really\ |so\ )?sorry,?\ but\b
        |(?:i\ apologi[sz]e|my\ apologies|apologies)(?:,|\ but|\ for\ (?:the|any)|\.)
        |unfortunately,?\ i(?:'m|\ am)?\ (?:can(?:'t|not)|unable|not\ able|don't|do\ not|couldn't|could\ not)
        |i(?:'m|\ am)\ (?:sorry,\ )?(?:unable|not\ able|not\ allowed|not\ permitted|not\ comfortable|not\ capable)\b
        |i\ (?:can(?:'t|not)|can\ not|won't|will\ not|couldn't|could\ not|do\ not|don't|must\ decline
          |have\ to\ decline)\ (?:to\ )?(?:currently\ |directly\ |actually\ |really\ )?
          (?:assist|help|provide|describe|identify|see|view|fulfil|fulfill|comply|process|generate|create|answer|access|analy[sz]e|discuss|engage
            |recogni[sz]e|continue|caption|display|open|have\ (?:the\ ability|access|enough)|offer|interpret|perform|determine|make\ out
            |feel\ comfortable|support)
        |i\ must\ (?:decline|refuse)
        |as\ an?\ (?:ai|artificial\ intelligence|large\ language|language|vision|visual|multimodal|text-based)\b(?:\ (?:model|assistant|language|ai
          |system|program))
        |as\ an\ ai\b,
        |i(?:'m|\ am)\ (?:just\ |only\ )?an?\ (?:ai|language\ model|text-based|virtual\ assistant|large\ language)
        )
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Speaker();

    [GeneratedRegex("""
        \A(?:
        (?:there\ (?:is|was|seems\ to\ be|appears\ to\ be)\ )?no\ (?:image|picture|photo)\ (?:was\ |is\ |has\ been\ )?(?:provided|attached|uploaded
          |included|available|given|to\ describe|visible)
        |(?:(?:it\ (?:seems|looks|appears)(?:\ that|\ like)?|unfortunately,?)\ )?(?:the|your)\ (?:image|picture|photo|file|link)(?:\ you\ (?:sent
          |provided|shared|uploaded|mentioned))?\ (?:(?:didn't|did\ not|failed\ to)\ (?:load|upload|open|attach|come\ through)
          |(?:is\ not|isn't)\ (?:available|loading|visible|accessible)|(?:wasn't|was\ not)\ (?:provided|attached|uploaded|loaded|included|received)
          |(?:cannot|can't|could\ not|couldn't)\ be\ (?:displayed|loaded|viewed|processed|opened|found|accessed)|is\ missing\W*\z)
        |it\ (?:seems|looks|appears)(?:\ that|\ like)?\ (?:you\ (?:forgot|haven't|have\ not|didn't|did\ not)|there\ (?:is|was)\ no\ (?:image|picture|photo))
        |(?:please|could\ you|can\ you)\ (?:please\ )?(?:upload|provide|attach|share|send|resend)\ (?:me\ )?(?:the|an|a|your)\ (?:image|picture|photo)
        |(?:this|your|the)\ (?:image|content|request|prompt)\ (?:violates|may\ violate|goes\ against|was\ (?:blocked|filtered|flagged)
          |has\ been\ (?:blocked|filtered|flagged))
        )
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex NoImage();

    [GeneratedRegex("""
        \A(?:lo\ siento,?\ (?:pero\ )?no|je\ suis\ désolée?|désolée?,\ (?:mais\ )?je|(?:es\ )?tut\ mir\ leid|mi\ dispiace,?\ (?:ma\ )?non|sinto\ muito
          |desculpe,?\ (?:mas\ )?(?:não|eu)|het\ spijt\ me|przykro\ mi
        |很?抱歉|对不起|對不起|我无法|我無法|我不能|申し訳|죄송|извините,|к\ сожалению,\ я|عذرا|مرحبًا،\ لا)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Elsewhere();

    [GeneratedRegex("""
        \A\W*(?:(?:i(?:'m|\ am)\ )?(?:so\ |very\ )?sorry|n/?a|none|null|undefined|nan|error|unknown|no\ (?:caption|description|comment|response
          |answer)|not\ applicable|(?:unable|cannot|can't)\ (?:to\ )?(?:describe|determine|see|view|process|assist|help|load)[^.]{0,60})\W*\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Whole();
}
