using Sana.Inference.Text;

namespace Sana.Inference.Clip;

/// <summary>
/// A text as the text network reads it: ids without padding, and where they are more than the context holds, windows over all of it. Windows are as few as cover the text, all full, spread
/// evenly; each has the start and the end token, and the first one is the text cut at its end, which is what the score is of.
/// </summary>
/// <param name="Windows">Ids of each window; one when nothing is cut.</param>
/// <param name="Tokens">Ids of the whole text, start and end token included.</param>
internal sealed record ClipWindows(IReadOnlyList<int[]> Windows, int Tokens)
{
    /// <summary>Some 4,800 tokens; of a longer text as many windows are taken, with gaps between them.</summary>
    public const int MaxWindows = 64;

    public bool Truncated => Windows.Count > 1;

    public static ClipWindows Of(string text, ClipTokenizer tokenizer)
    {
        // What lies behind a million characters is no caption; one such text must not fail the others.
        var ids = tokenizer.EncodeUncut(text.Length <= UnicodeText.MaxLength ? text : text[..UnicodeText.MaxLength]);
        return new ClipWindows(Cut(ids, tokenizer.ContextLength, tokenizer.StartId, tokenizer.EndId), ids.Count);
    }

    /// <param name="ids">Start token, text, end token.</param>
    /// <param name="context">Ids that a window holds.</param>
    /// <param name="start">The start token.</param>
    /// <param name="end">The end token.</param>
    internal static int[][] Cut(List<int> ids, int context, int start, int end)
    {
        if (ids.Count <= context)
        {
            return [[.. ids]];
        }

        var (text, room) = (ids.Count - 2, Math.Max(context - 2, 1));
        var count = Math.Min((text + room - 1) / room, MaxWindows);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var from = count == 1 ? 0 : (int)((long)i * (text - room) / (count - 1));
            return (int[])[start, .. ids.GetRange(1 + from, room), end];
        })];
    }
}
