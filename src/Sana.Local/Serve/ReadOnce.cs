namespace Sana.Local.Serve;

/// <summary>Keeps what was read for a moment: however many look at the same at once, one of them reads, and nobody reads again before the moment is over.</summary>
/// <param name="life">How long something is kept after it was read.</param>
/// <param name="most">At most so many things are kept.</param>
/// <param name="clock">Measures the life.</param>
internal sealed class ReadOnce<T>(TimeSpan life, int most, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<(T Value, long Read)>> _kept = new(StringComparer.Ordinal);

    /// <summary>What is kept under the key, or what <paramref name="read"/> gives. A read that fails is not kept.</summary>
    public async Task<T> Get(string key, Func<Task<T>> read)
    {
        Task<(T Value, long Read)>? kept;
        lock (_gate)
        {
            if (!_kept.TryGetValue(key, out kept) || !IsFresh(kept))
            {
                foreach (var old in _kept.Where(other => !IsFresh(other.Value)).Select(other => other.Key).ToList())
                    _kept.Remove(old);
                // Not in the name of the one who asked first: others wait for it too.
                kept = Task.Run(async () => (await read(), clock.GetTimestamp()));
                if (_kept.Count < most)
                    _kept[key] = kept;
            }
        }

        return (await kept).Value;
    }

    private bool IsFresh(Task<(T Value, long Read)> kept) => !kept.IsCompleted || (kept.IsCompletedSuccessfully && clock.GetElapsedTime(kept.Result.Read) < life);
}
