using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>
/// Bounds the memory of all decodes that run at once in this process, in order of arrival, so that a large image does not wait for ever behind small ones.
/// Native memory belongs to the process, so the gate does too, whatever limit each caller has.
/// </summary>
internal sealed class MemoryGate
{
    /// <summary>The gate of the process.</summary>
    public static MemoryGate Process { get; } = new();

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private long _held;

    /// <summary>How many stand in the queue.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiters.Count;
        }
    }

    /// <summary>Waits until the bytes fit under the limit together with what others hold.</summary>
    /// <param name="bytes">At most <paramref name="limit"/>.</param>
    /// <param name="limit">For all, as this caller sees it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Dispose it to give the bytes back.</returns>
    public Claim Enter(long bytes, long limit, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_lock)
        {
            if (_waiters.Count == 0 && _held + bytes <= limit)
            {
                _held += bytes;
                return new Claim(this, bytes);
            }

            waiter = new Waiter(bytes, limit);
            _waiters.AddLast(waiter);
        }

        try
        {
            waiter.Admitted.Task.Wait(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Leave(waiter);
            throw;
        }

        return new Claim(this, bytes);
    }

    private void Leave(Waiter waiter)
    {
        lock (_lock)
        {
            if (!_waiters.Remove(waiter))
                _held -= waiter.Bytes; // admitted in the moment in which it gave up
            Admit();
        }
    }

    private void Exit(long bytes)
    {
        lock (_lock)
        {
            _held -= bytes;
            Admit();
        }
    }

    private void Admit()
    {
        while (_waiters.First is { } first && (_held == 0 || _held + first.Value.Bytes <= first.Value.Limit))
        {
            _waiters.RemoveFirst();
            _held += first.Value.Bytes;
            first.Value.Admitted.SetResult();
        }
    }

    private sealed class Waiter(long bytes, long limit)
    {
        public long Bytes => bytes;

        public long Limit => limit;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Bytes held.</summary>
    public readonly struct Claim(MemoryGate gate, long bytes) : IDisposable
    {
        /// <summary>Gives them back.</summary>
        public void Dispose() => gate.Exit(bytes);
    }
}

/// <summary>Estimates the memory of a decode from the header.</summary>
internal static class LoadedHeader
{
    private const int NormalisedBytes = 3;

    /// <summary>Bytes that decoding will hold at its peak: the normalised pixels, and what the format's decoder keeps beside them.</summary>
    public static long Memory(Image image, string format) => (long)image.Width * image.Height * (NormalisedBytes + DecoderBytes(image, format));

    // Of a pixel, measured with libvips 8.18 as the growth of the process.
    private static int DecoderBytes(Image image, string format) => format switch
    {
        // Coefficients of all scans, two bytes each; half of the usual subsampling's are left out.
        "jpeg" when Flag(image, "jpeg-multiscan") => Text(image, "jpeg-chroma-subsample") == "4:2:0" ? 3 : 2 * image.Bands,
        "png" when image.Contains("interlaced") => image.Bands * SampleBytes(image),
        "webp" => 8,
        "avif" or "heic" => 12, // planes of 8 to 16 bits, and the whole picture as colours
        "gif" => 8,
        "tiff" => image.Bands * SampleBytes(image), // one strip may hold the whole image
        _ => 0,
    };

    private static int SampleBytes(Image image) => image.Format switch
    {
        Enums.BandFormat.Uchar or Enums.BandFormat.Char => 1,
        Enums.BandFormat.Ushort or Enums.BandFormat.Short => 2,
        Enums.BandFormat.Uint or Enums.BandFormat.Int or Enums.BandFormat.Float => 4,
        Enums.BandFormat.Dpcomplex => 16,
        _ => 8,
    };

    private static bool Flag(Image image, string field) => image.Contains(field) && image.Get(field) is int and not 0;

    private static string? Text(Image image, string field) => image.Contains(field) ? image.Get(field) as string : null;
}

/// <summary>Stops native work when time is up or the run is cancelled: libvips asks between lines whether an image was killed.</summary>
internal sealed class DecodeStop : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationTokenRegistration _registration;
    private Image? _image;

    public DecodeStop(TimeSpan deadline, CancellationToken cancellationToken)
    {
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _deadline.CancelAfter(deadline);
        _registration = _deadline.Token.Register(Kill);
    }

    /// <summary>Whether time was up, or the run was cancelled.</summary>
    public bool IsStopped => _deadline.IsCancellationRequested;

    /// <summary>Runs work that pulls pixels through an image.</summary>
    public T Watch<T>(Image image, Func<Image, T> work)
    {
        lock (_lock)
        {
            _image = image;
            if (IsStopped)
                image.SetKill(true);
        }

        try
        {
            return work(image);
        }
        finally
        {
            lock (_lock)
                _image = null;
        }
    }

    public void Dispose()
    {
        _registration.Dispose();
        _deadline.Dispose();
    }

    private void Kill()
    {
        lock (_lock)
            _image?.SetKill(true);
    }
}
