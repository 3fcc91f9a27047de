using System.Globalization;

namespace Sana.Storage.Hub;

/// <summary>How far the download of a repository is, or what is sent to one.</summary>
/// <param name="Id">As <c>owner/name</c> or <c>owner/name@revision</c>.</param>
/// <param name="Files">Files that were not there when it began.</param>
/// <param name="FilesDone">Those that are there now.</param>
/// <param name="Bytes">Of these files.</param>
/// <param name="BytesDone">Bytes that are there, those of earlier processes too.</param>
/// <param name="BytesPerSecond">That went over the network in the last ten seconds; 0 at first.</param>
public sealed record HubProgress(string Id, int Files, int FilesDone, long Bytes, long BytesDone, double BytesPerSecond)
{
    private const double MostSeconds = 99 * 3600;

    /// <value>The time that the rest takes at this speed; null when nothing arrives.</value>
    public TimeSpan? Left => BytesPerSecond > 0 && (Bytes - BytesDone) / BytesPerSecond is <= MostSeconds and var seconds ? TimeSpan.FromSeconds(Math.Ceiling(seconds)) : null;

    /// <value>A sentence that a person may have pressed for: why something is waited for, or that the cache is used. Null for plain progress.</value>
    public string? Note { get; init; }

    /// <value>Whether this is the last report, of what may have failed.</value>
    public bool IsLast { get; init; }

    /// <summary>One line: <c>owner/name: 1.2 GB of 9.6 GB, 3 of 14 files, 85 MB/s, 0:01:39 left</c>.</summary>
    public override string ToString() => Note is not null
        ? $"{Id}: {Note}"
        : $"{Id}: {Counted.Bytes(BytesDone)} of {Counted.Bytes(Bytes)}, {FilesDone} of {Files} files"
            + (BytesPerSecond > 0 ? $", {Counted.Bytes((long)BytesPerSecond)}/s" : "")
            + (Left is { } left && FilesDone < Files ? string.Create(CultureInfo.InvariantCulture, $", {(int)left.TotalHours:0}:{left:mm\\:ss} left") : "");
}

/// <summary>Counts what arrives and reports it.</summary>
internal sealed class HubMeter
{
    private const int Window = 10; // seconds
    private readonly Queue<(long Time, long Bytes)> _samples = new();
    private readonly TimeProvider _clock = TimeProvider.System;
    private long _arrived;
    private long _done;
    private int _filesDone;

    public required HubId Id { get; init; }
    public required int Files { get; init; }
    public required long Bytes { get; init; }
    public required IProgress<HubProgress>? Progress { get; init; }

    /// <summary>Bytes that came from the network, or went to it.</summary>
    public void Arrived(int bytes)
    {
        Interlocked.Add(ref _arrived, bytes);
        Interlocked.Add(ref _done, bytes);
    }

    /// <summary>Bytes that were there already; less than 0 for those that turned out to be of no use.</summary>
    public void Found(long bytes) => Interlocked.Add(ref _done, bytes);

    public void FileDone() => Interlocked.Increment(ref _filesDone);

    public void Say(string note) => Progress?.Report(Now() with { Note = note });

    /// <summary>Reports once a second until it is told to stop, and once at the end.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        if (Progress is null)
            return;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), _clock);
        try
        {
            do
            {
                Progress.Report(Now());
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
        catch (OperationCanceledException)
        {
            Progress.Report(Now() with { IsLast = true });
        }
    }

    private HubProgress Now()
    {
        lock (_samples)
        {
            var (time, arrived) = (_clock.GetTimestamp(), Interlocked.Read(ref _arrived));
            _samples.Enqueue((time, arrived));
            while (_samples.Count > 2 && _clock.GetElapsedTime(_samples.Peek().Time, time).TotalSeconds > Window)
                _samples.Dequeue();
            var (since, before) = _samples.Peek();
            var seconds = _clock.GetElapsedTime(since, time).TotalSeconds;
            return new HubProgress(Id.ToString(), Files, Volatile.Read(ref _filesDone), Bytes, Interlocked.Read(ref _done), seconds > 0 ? (arrived - before) / seconds : 0);
        }
    }
}
