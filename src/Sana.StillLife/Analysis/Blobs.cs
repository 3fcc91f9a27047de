namespace Sana.StillLife.Analysis;

/// <summary>Connected parts of a mask. Each is a list of pixel indices.</summary>
internal static class Blobs
{
    /// <summary>All parts of at least <paramref name="least"/> pixels; diagonal neighbours are connected.</summary>
    public static List<List<int>> Find(bool[] mask, int side, int least)
    {
        var (open, blobs, stack) = ((bool[])mask.Clone(), new List<List<int>>(), new Stack<int>());
        for (var start = 0; start < open.Length; start++)
        {
            if (!open[start])
                continue;
            var blob = new List<int>();
            open[start] = false;
            stack.Push(start);
            while (stack.TryPop(out var at))
            {
                blob.Add(at);
                foreach (var next in Around(at, side))
                {
                    if (!open[next])
                        continue;
                    open[next] = false;
                    stack.Push(next);
                }
            }

            if (blob.Count >= least)
                blobs.Add(blob);
        }

        return blobs;
    }

    /// <summary>The up to eight neighbours of a pixel.</summary>
    public static IEnumerable<int> Around(int at, int side)
    {
        var (x, y) = (at % side, at / side);
        for (var row = Math.Max(y - 1, 0); row <= Math.Min(y + 1, side - 1); row++)
        {
            for (var column = Math.Max(x - 1, 0); column <= Math.Min(x + 1, side - 1); column++)
            {
                if (row != y || column != x)
                    yield return (row * side) + column;
            }
        }
    }

    /// <summary>The pixels of a blob whose neighbours all belong to it: they show its colour unmixed. All its pixels if it is too thin for that.</summary>
    public static List<int> Core(List<int> blob, int side)
    {
        var all = blob.ToHashSet();
        List<int> core = [.. blob.Where(at => Around(at, side).All(all.Contains))];
        return core.Count * 8 >= blob.Count ? core : blob;
    }
}
