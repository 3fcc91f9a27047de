using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>A token that is found in the text before merging, with the flags that it has in tokenizer.json.</summary>
internal sealed record AddedToken(int Id, string Content)
{
    /// <summary>Only where no word character touches it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>The token includes the white space before it.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>The token includes the white space after it.</summary>
    public bool StripsRight { get; init; }
}

/// <summary>A piece of text: an added token, or the text between two of them (id −1).</summary>
internal readonly record struct TextPiece(int Start, int End, int Id);

/// <summary>Finds added tokens in a text: leftmost first; of those that start at one place the longest.</summary>
internal sealed class AddedTokens
{
    /// <summary>Limits the search at each place of the text. The longest published token has 31 characters.</summary>
    public const int MaxContentLength = 256;

    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly List<AddedToken?> _ends = [null];
    private readonly SearchValues<char> _starts;

    public AddedTokens(IReadOnlyCollection<AddedToken> tokens)
    {
        _starts = SearchValues.Create([.. tokens.Select(token => token.Content[0])]);
        foreach (var token in tokens)
        {
            var node = 0;
            foreach (var letter in token.Content)
            {
                if (!_edges.TryGetValue((node, letter), out var child))
                {
                    _edges[(node, letter)] = child = _ends.Count;
                    _ends.Add(null);
                }

                node = child;
            }

            _ends[node] = token;
        }
    }

    /// <summary>The pieces in order, none of them empty. Together they are the whole text; with stripped white space two tokens may overlap.</summary>
    public List<TextPiece> Split(ReadOnlySpan<char> text)
    {
        var pieces = new List<TextPiece>();
        var (done, from) = (0, 0);
        while (from < text.Length && text[from..].IndexOfAny(_starts) is >= 0 and var offset)
        {
            var start = from + offset;
            if (Longest(text[start..]) is not { } token)
            {
                from = start + 1;
                continue;
            }

            from = start + token.Content.Length;
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[from..]))) continue;

            var end = token.StripsRight ? from + SpacesAtStart(text[from..]) : from;
            if (token.StripsLeft) start = Math.Max(done, text[..start].TrimEnd().Length);
            if (start > done) pieces.Add(new TextPiece(done, start, -1));
            pieces.Add(new TextPiece(start, end, token.Id));
            done = end;
        }

        if (done < text.Length) pieces.Add(new TextPiece(done, text.Length, -1));
        return pieces;
    }

    private AddedToken? Longest(ReadOnlySpan<char> text)
    {
        AddedToken? longest = null;
        var node = 0;
        foreach (var letter in text)
        {
            if (!_edges.TryGetValue((node, letter), out node)) break;
            longest = _ends[node] ?? longest;
        }

        return longest;
    }

    private static int SpacesAtStart(ReadOnlySpan<char> text) => text.Length - text.TrimStart().Length;

    private static bool EndsWithWord(ReadOnlySpan<char> text) => Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) => Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool IsWord(Rune rune) => Rune.IsLetter(rune) || rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}
