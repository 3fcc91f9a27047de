namespace Sana.Jobs.Telemetry;

/// <summary>The newest images, images per minute of the last half hour, and why jobs failed since the start. Bounded, whatever happens.</summary>
public sealed class RecentWork(TimeProvider clock)
{
    /// <summary>Minutes that are kept.</summary>
    public const int Minutes = 30;

    private const int MaxImages = 18;
    private const int MaxReasons = 64;
    private const int MaxRuns = 1024;

    private readonly Lock _gate = new();
    private readonly LinkedList<RecentImage> _images = new();
    private readonly Dictionary<string, long> _settled = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _failures = new(StringComparer.Ordinal);
    private readonly (long Minute, int Images)[] _minutes = new (long, int)[Minutes];

    /// <summary>Newest first.</summary>
    public IReadOnlyList<RecentImage> Images
    {
        get
        {
            lock (_gate)
                return [.. _images];
        }
    }

    /// <summary>How many jobs failed, by reason code.</summary>
    public IReadOnlyDictionary<string, long> Failures
    {
        get
        {
            lock (_gate)
                return new SortedDictionary<string, long>(_failures, StringComparer.Ordinal);
        }
    }

    /// <summary>Images of each of the last minutes, the current one last.</summary>
    public IReadOnlyList<int> PerMinute
    {
        get
        {
            var now = Minute();
            lock (_gate)
                return [.. Enumerable.Range(0, Minutes).Select(i => now - Minutes + 1 + i).Select(minute => _minutes[minute % Minutes] is var slot && slot.Minute == minute ? slot.Images : 0)];
        }
    }

    /// <summary>An image was made.</summary>
    public void Add(RecentImage image)
    {
        var minute = Minute();
        lock (_gate)
        {
            _images.AddFirst(image);
            if (_images.Count > MaxImages)
                _images.RemoveLast();
            ref var slot = ref _minutes[minute % Minutes];
            slot = (minute, slot.Minute == minute ? slot.Images + 1 : 1);
        }
    }

    /// <summary>An image of a run was settled, good or not.</summary>
    public void Settle(string run)
    {
        lock (_gate)
        {
            if (_settled.Count >= MaxRuns && !_settled.ContainsKey(run))
                _settled.Clear();
            _settled[run] = _settled.GetValueOrDefault(run) + 1;
        }
    }

    /// <summary>Images of a run that were settled since the start, as far as is remembered.</summary>
    public long Settled(string run)
    {
        lock (_gate)
            return _settled.GetValueOrDefault(run);
    }

    /// <summary>A job ended; <paramref name="failure"/> is its reason code, or null.</summary>
    public void Count(string? failure)
    {
        if (failure is null)
            return;
        lock (_gate)
        {
            if (_failures.Count < MaxReasons || _failures.ContainsKey(failure))
                _failures[failure] = _failures.GetValueOrDefault(failure) + 1;
        }
    }

    private long Minute() => clock.GetUtcNow().ToUnixTimeSeconds() / 60;
}

/// <summary>An image as the gallery shows it.</summary>
/// <param name="Blob">Its name.</param>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Made">When it was written.</param>
public sealed record RecentImage(string Blob, string Prompt, ulong Seed, int Width, int Height, DateTimeOffset Made);
