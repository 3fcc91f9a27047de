using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>Removes what an assistant says to the person who asked: announcements before the caption; offers, notes and counts of words after it.</summary>
internal static partial class CaptionChatter
{
    /// <summary>The caption between them; empty when there is nothing else.</summary>
    public static string Strip(string text)
    {
        string before;
        do
        {
            before = text;
            text = Rule().Replace(text, "").Trim();
            text = Announcement().Replace(text, "").Trim();
            text = Count().Replace(text, "").Trim();
            text = Hashtags().Replace(text, "").Trim();
            text = WithoutLastSentence(text);
        }
        while (text.Length > 0 && text != before);
        return text;
    }

    /// <summary>Whether a text is only the words before an answer.</summary>
    public static bool IsAnnouncement(string text) => text.Trim() is { Length: > 0 and < 300 } head && Announcement().Replace(head, "").Trim().Length == 0;

    // The last sentence or the last paragraph, where it speaks to the reader. Lettering ends no sentence of ours: the offer must begin outside of a quotation.
    private static string WithoutLastSentence(string text)
    {
        var outside = CaptionText.WithoutQuotations(text);
        var starts = CaptionText.SentenceEnds(outside).Append(0).Concat(LineStart().Matches(outside).Select(line => line.Index + line.Length)).Distinct().OrderDescending();
        foreach (var start in starts)
        {
            if (Offer().IsMatch(text[start..]))
                return text[..start].TrimEnd();
            if (text.Length - start > 600)
                break;
        }

        return text;
    }

    [GeneratedRegex(@"^\s*(?:[-*_=~]\s*){3,}$\n?|\n\s*(?:[-*_=]\s*){3,}\z", RegexOptions.Multiline)]
    private static partial Regex Rule();

    [GeneratedRegex(@"\n\s*")]
    private static partial Regex LineStart();

    [GeneratedRegex("""
        \A[\s*_\#>]*(?:
        (?:(?:sure|certainly|of\ course|absolutely|okay|ok|alright|definitely|gladly|understood|no\ problem|great|perfect|got\ it|yes)(?:\ thing)?[!,.]\s*)?
        (?:here(?:'s|’s|\ is|\ are)\ (?:a|an|the|your|my|one|some|what|\d+)\b[^:\n.]{0,160}(?::|\.(?=[ ]*\n))|here\ you\ go[^:\n.]{0,40}[:.!]
          |(?:below\ is|this\ is)\ (?:a|an|the|my|your)\ [^:\n.]{0,80}(?:caption|description|text|answer|prompt)[^:\n.]{0,80}:
          |(?:based\ on|after\ (?:looking\ at|viewing|analy[sz]ing)|looking\ at|from)\ (?:the|this|your)\ (?:provided\ |given\ |uploaded\ |attached\ )?(?:image|picture|photo)[^:\n.]{0,120}:
          |(?:i(?:'d|’d|\ would|'ll|’ll|\ will|'m|’m|\ am|\ can)\ (?:be\ )?(?:happy|glad|delighted|pleased|describe|caption|provide|write)\b[^:\n.!]{0,120}[:.!](?=\s|\z))
          |(?:the|a|an|my|one)\ (?:possible\ |suitable\ |suggested\ |detailed\ |short\ |final\ |image\ |best\ |full\ )*(?:caption|description|alt\ text)\ (?:for\ [^:\n.]{0,60})?(?:is|reads|would\ be|could\ be|might\ be|of\ [^:\n.]{0,60}\ is)(?:\ as\ follows)?\s*:
          |["']?(?:(?:image|detailed|long|short|brief|final|suggested|generated|possible|english|alt|full|one-sentence|concise|dense|visual|photo|picture|proposed|revised|updated)[ _-])*
             (?:caption|description|alt[ -]text)["']?(?:\s*\([^()\n]{0,40}\))?[\s*_]*[:：](?:\s*[|>]-?\s*\n)?
          |(?:(?:image|detailed|final|alt|short|long)\ )*(?:caption|description)[\s*_]*\n
          |(?:final\ |the\ |model\ )?(?:output|answer|response|result|text)[\s*_]*[:：]
          |(?<=[!.]\s*))
        )[\s*_]*
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Announcement();

    [GeneratedRegex("""
        (?:\s*(?:
          [(\[*_]+\s*(?:total\s*:?\s*)?(?:(?:word|character|token)s?[ -]?(?:count)?[\s*_]*[:=]\s*[*_]*\s*)?(?:~|≈|about\ |approximately\ |approx\.?\ |exactly\ )?\d{1,5}\s*(?:words?|characters?|chars|tokens?)?(?<=[a-z]\)?|[:=][\s*_~≈]*\d{1,5})[\s.)\]*_]*
          |(?:(?<=[.!?…"'”’)\]*_])\s+|\n\s*|\A)[*_]*(?:total\s+)?(?:word|character|token)s?[ -]?count[\s*_]*[:=(]*[\s*_]*(?:~|≈|about\ |approximately\ )?\d{1,5}(?:\s*(?:words|characters|tokens))?[\s.)*_]*
          |(?:(?<=[.!?…"'”’)\]])\s+|\n\s*)(?:~|≈|about\ |approximately\ |exactly\ )?\d{1,5}\ (?:words|characters|tokens)\.?
        ))\s*\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Count();

    [GeneratedRegex(@"(?:(?<=[.!?…""”\n])|\A)\s*(?:#\w+[\s,]*){2,}\z")]
    private static partial Regex Hashtags();

    [GeneratedRegex("""
        \A[\s*_>(\[\-–—🙂😊😀🌟✨]*(?:
        (?:please\ |just\ |and\ |so\ |also,?\ |feel\ free\ (?:and\ )?)*let\ me\ know\b
        |(?:would|do|did)\ you\ (?:like|want|need|prefer|wish|have\ any)\b
        |(?:shall|should|can|may|could)\ i\ (?:help|assist|provide|describe|add|generate|create|write|make|do|elaborate|refine|adjust|continue|also)\b
        |want\ me\ to\b|need\ (?:me\ to|anything|more|another|a\ (?:shorter|longer|different))\b
        |is\ there\ (?:anything|something|any)\b|are\ there\ any\ (?:other|specific|particular|further|additional)\b
        |if\ (?:you(?:'d|’d|'re|’re|\ would|\ are|\ want|\ need|\ have|\ like|\ prefer|\ wish|\ could|\ can|\ provide|\ share)|there(?:'s|’s|\ is|\ are)\ (?:anything|something|any)|needed|this\ is\ not)\b
        |(?:please\ |and\ )?feel\ free\b|don't\ hesitate\b|please\ (?:feel\ free|don't\ hesitate|do\ not\ hesitate|ask\ (?:me|if)|tell\ me|note\ that|provide\ (?:me|more|another)|specify)\b
        |(?:i\ )?hope\ (?:this|that|it|you)\b
        |i(?:'d|’d|\ would|'m|’m|\ am|'ll|’ll)\ (?:be\ )?(?:happy|glad|here|more\ than\ happy|available)\b|happy\ to\ (?:help|provide|adjust|refine|assist|describe)\b
        |i\ (?:can|could)\ (?:also|provide|give|help|make|write|generate|create|refine|adjust|tailor)\b
        |what\ (?:would|do|else|aspects?)\b[^.?]{0,80}\byou\b[^.?]{0,80}\?|how\ (?:can|may|else)\ (?:i|can\ i)\b
        |thank(?:s|\ you)(?:[!.,]|\ (?:for|so)\b)|you(?:'re|’re|\ are)\ welcome\b|enjoy!|cheers!
        |the\ (?:caption|description|response)\ (?:captures|aims|conveys|accurately|meets|adheres|avoids)\b
        |(?:this|the\ above)\ (?:generated\ )?(?:caption|description|response|answer)\ (?:captures|provides|is|should|aims|highlights|conveys|reflects|focuses|avoids|contains|includes|has|was|covers|describes|accurately|meets|adheres|can|uses|summari[sz]es|offers|gives|emphasi[sz]es)\b
        |(?:please\ )?note(?:\ that|:|\ -)|(?:disclaimer|n\.?b\.?|remark|ps|p\.s\.)\s*:
        |(?:alternative|other|more)\ (?:captions?|options?|versions?|descriptions?)\b[^\n]{0,40}[:?]
        |\(?(?:end\ of\ (?:caption|description|answer|response|text))\)?\.?\s*\z
        )
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Offer();
}
