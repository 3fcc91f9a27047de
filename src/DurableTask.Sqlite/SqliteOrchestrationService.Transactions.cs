namespace DurableTask.Sqlite;

// What goes with each transaction, and whether there can be one.
public sealed partial class SqliteOrchestrationService
{
    private static readonly TimeSpan _probed = TimeSpan.FromSeconds(10);

    private readonly List<Action> _onCommit = []; // writer thread: what of the present transaction concerns the memory
    private long _written; // when something was last written or tried, as the clock counts

    /// <summary>Why the journal cannot be written at present, a full disk for example; null when it can. Meanwhile what clients ask for is refused with this, and what runs waits. It is tried
    /// again after 0.1…5 seconds until it can be written.</summary>
    public JournalUnavailableException? Unavailable => _writer.Unavailable;

    /// <summary>Writes an empty transaction when none was written for ten seconds, so that <see cref="Unavailable"/> soon says how it is now and not how it was.</summary>
    public void Probe()
    {
        var last = Interlocked.Read(ref _written);
        if (_settings.Clock.GetElapsedTime(last) >= _probed && Interlocked.CompareExchange(ref _written, _settings.Clock.GetTimestamp(), last) == last)
            _writer.Post(() => { });
    }

    /// <summary>On the writer thread, first in each transaction.</summary>
    private void BeginTransaction()
    {
        // An attempt before this one was rolled back.
        _onCommit.Clear();
        var (now, setBack) = _clockWatch.Look();
        if (setBack > TimeSpan.Zero)
        {
            // A timer waits for the rest of its time, as if the clock had not been set: it was asked for as a time from now.
            _journal.Advance(setBack);
            _onCommit.Add(() =>
            {
                _timers.Advance(setBack);
                _log.ClockWasSetBack(setBack);
            });
        }

        _journal.Stamp(now);
        _onCommit.Add(() => _clockWatch.Saw(now));
    }

    /// <summary>On the writer thread, after each commit and before what waits for it.</summary>
    private void Committed()
    {
        _journal.Committed();
        Interlocked.Exchange(ref _written, _settings.Clock.GetTimestamp());
        _mark?.Write(_journal.Mark.Transactions);
        foreach (var happen in _onCommit)
            happen();
        _onCommit.Clear();
    }

    private void LogChange(JournalUnavailableException? fault)
    {
        if (fault is null)
            _log.IsWrittenAgain();
        else
            _log.CannotBeWritten(fault.Message);
    }
}
