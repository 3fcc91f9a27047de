using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>What a model thought before it answered.</summary>
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
