using System.Buffers;

namespace Sana.Inference.Text;

/// <summary>Joins the tokens of one piece of text: lowest rank first, then leftmost. O(n log n); the buffers serve all pieces of one text.</summary>
internal sealed class MergeRun(BytePairMerges merges)
{
    private readonly PriorityQueue<int, ulong> _candidates = new(); // position of the left token; priority is rank, then position

    /// <summary>Joins in place and returns how many tokens are left at the start of the span.</summary>
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
            if (right < 0 || tokens[left] != merge.Left || tokens[right] != merge.Right) continue; // a neighbour has joined another since

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
