using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Sana.Inference.Text;

/// <summary>
/// The merges of byte-pair encoding by rank (Sennrich et al., 2016, "Neural machine translation of rare words with subword units"): which two neighbouring tokens become which.
/// Microsoft.ML.Tokenizers 2.0.1 is not used: it has no byte fallback and always splits at "▁" (76 of 97 Gemma texts get other ids), and takes quadratic time on one long word
/// (13 s for 400,000 letters).
/// </summary>
internal sealed class BytePairMerges
{
    private const int MaxMerges = 4_194_304;
    private const int MaxLineBytes = 4096;

    private readonly string _file;
    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<Pair, int> _ranks;
    private readonly List<Merge> _byRank;

    private BytePairMerges(Vocabulary vocabulary, string file, int capacity)
    {
        (_vocabulary, _file) = (vocabulary, file);
        _ranks = new Dictionary<Pair, int>(Math.Min(capacity, MaxMerges));
        _byRank = new List<Merge>(Math.Min(capacity, MaxMerges));
    }

    /// <summary>Reads a JSON list of <c>"left right"</c> or <c>["left", "right"]</c>, lowest rank first.</summary>
    public static BytePairMerges Parse(ReadOnlyMemory<byte> json, Vocabulary vocabulary, string file, string key)
    {
        var merges = new BytePairMerges(vocabulary, file, json.Length / 16);
        var (left, right) = (new char[MaxLineBytes], new char[MaxLineBytes]);
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) throw new InferenceException($"{file}: {key} is not a list; download the checkpoint again.");

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                reader.Read();
                var leftText = merges.Copy(ref reader, left);
                reader.Read();
                var rightText = merges.Copy(ref reader, right);
                reader.Read();
                if (reader.TokenType != JsonTokenType.EndArray) throw merges.NotAPair();
                merges.Add(leftText, rightText);
            }
            else
            {
                merges.Add(merges.Copy(ref reader, left));
            }
        }

        reader.Read(); // nothing but white space may follow
        return merges;
    }

    /// <summary>Reads the lines of a merges.txt, <c>left right</c>, lowest rank first, after an optional <c>#version</c> line.</summary>
    public static BytePairMerges ParseLines(ReadOnlySpan<byte> text, Vocabulary vocabulary, string file)
    {
        var merges = new BytePairMerges(vocabulary, file, text.Length / 8);
        var line = new char[MaxLineBytes];
        foreach (var range in text.Split((byte)'\n'))
        {
            var bytes = text[range].TrimEnd((byte)'\r');
            if (bytes.IsEmpty || bytes.StartsWith("#version"u8)) continue;
            if (bytes.Length > MaxLineBytes) throw merges.NotAPair();
            merges.Add(line.AsSpan(0, Encoding.UTF8.GetChars(bytes, line)));
        }

        return merges;
    }

    public bool TryGetRank(int left, int right, out int rank) => _ranks.TryGetValue(new Pair(left, right), out rank);

    public Merge ByRank(int rank) => _byRank[rank];

    private ReadOnlySpan<char> Copy(ref Utf8JsonReader reader, char[] buffer)
    {
        if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > MaxLineBytes) throw NotAPair();
        return buffer.AsSpan(0, reader.CopyString(buffer));
    }

    private void Add(ReadOnlySpan<char> line)
    {
        var space = line.IndexOf(' ');
        if (space < 0 || line[(space + 1)..].Contains(' ')) throw NotAPair();
        Add(line[..space], line[(space + 1)..]);
    }

    private void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        if (_byRank.Count == MaxMerges) throw new InferenceException($"{_file} has more than {MaxMerges:N0} merges; download the checkpoint again.");

        Span<char> joined = stackalloc char[512];
        if (left.Length + right.Length > joined.Length) throw NotAPair();
        left.CopyTo(joined);
        right.CopyTo(joined[left.Length..]);

        var merge = new Merge(Require(left), Require(right), Require(joined[..(left.Length + right.Length)]));
        _ranks[new Pair(merge.Left, merge.Right)] = _byRank.Count; // of two equal pairs the later one is used, as in the tokenizers library
        _byRank.Add(merge);
    }

    private int Require(ReadOnlySpan<char> text) => _vocabulary.TryGetId(text, out var id)
        ? id
        : throw new InferenceException($"{_file}: merge {_byRank.Count} names \"{JsonPart.Shorten(text.ToString())}\", which is not in the vocabulary; download the checkpoint again.");

    private InferenceException NotAPair() =>
        new($"{_file}: merge {_byRank.Count} is not a pair of two tokens (\"a b\" or [\"a\", \"b\"]); download the checkpoint again.");

    /// <summary>Two neighbours and what they become.</summary>
    internal readonly record struct Merge(int Left, int Right, int Joined);

    /// <summary>Hashed with a random seed: with the default hash (left xor right) a hostile file could put every pair into one bucket.</summary>
    private readonly record struct Pair(int Left, int Right)
    {
        public override int GetHashCode() => HashCode.Combine(Left, Right);
    }
}

/// <summary>Merges the tokens of one piece of text: lowest rank first, then leftmost. O(n log n). One instance is used for all pieces of a text.</summary>
internal sealed class MergeRun(BytePairMerges merges)
{
    private readonly PriorityQueue<int, ulong> _candidates = new(); // position of the left token; priority is rank, then position

    /// <summary>Merges in place and returns how many tokens are left at the start of the span.</summary>
    public int Join(Span<int> tokens)
    {
        if (tokens.Length < 2) return tokens.Length;

        var links = ArrayPool<int>.Shared.Rent(tokens.Length * 2);
        var next = links.AsSpan(0, tokens.Length);
        var previous = links.AsSpan(tokens.Length, tokens.Length);
        for (var i = 0; i < tokens.Length; i++) (next[i], previous[i]) = (i + 1, i - 1);
        next[^1] = -1;
        for (var i = 0; i + 1 < tokens.Length; i++) Consider(tokens, i, i + 1);

        while (_candidates.TryDequeue(out var left, out var priority))
        {
            var merge = merges.ByRank((int)(priority >> 32));
            var right = next[left];
            if (right < 0 || tokens[left] != merge.Left || tokens[right] != merge.Right) continue; // one of the two was merged with another token since

            (tokens[left], tokens[right]) = (merge.Joined, -1);
            next[left] = next[right];
            if (next[left] >= 0) previous[next[left]] = left;
            if (previous[left] >= 0) Consider(tokens, previous[left], left);
            if (next[left] >= 0) Consider(tokens, left, next[left]);
        }

        var count = 0;
        for (var i = 0; i >= 0; i = next[i]) tokens[count++] = tokens[i];
        ArrayPool<int>.Shared.Return(links);
        return count;
    }

    private void Consider(ReadOnlySpan<int> tokens, int left, int right)
    {
        if (merges.TryGetRank(tokens[left], tokens[right], out var rank)) _candidates.Enqueue(left, ((ulong)rank << 32) | (uint)left);
    }
}
