using System.Threading.Channels;
using DurableTask.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace DurableTask.Sqlite;

/// <summary>
/// Storage of DurableTask.Core in one SQLite file, for the dispatchers of one process. A process that is killed at any instant goes on where it stood.
/// </summary>
/// <remarks>
/// <para>What a turn of an orchestration decided (history, activities, timers, messages to others) is one transaction, and nothing of it happens before it is on the disk.
/// The result of an activity is handed to its orchestration at once and is written with the turn that it causes, so that one step costs one flush to the disk.
/// After a kill an activity whose turn was not written runs again: activities run at least once, and their results are recorded exactly once.</para>
/// <para>The work item of an orchestration that waits stays in memory with its execution state, so that its next event replays nothing.</para>
/// </remarks>
public sealed partial class SqliteOrchestrationService : IOrchestrationService, IAsyncDisposable
{
    // How many instances are purged in one transaction: others wait for it.
    private const int PurgedAtOnce = 100;

    private readonly SqliteOrchestrationServiceSettings _settings;
    private readonly ILogger _log;
    private readonly Dictionary<string, List<TaskCompletionSource<OrchestrationState?>>> _waiters = []; // writer thread
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lease? _lease;
    private readonly Journal _journal; // writer thread, but for NextId
    private readonly JournalWriter _writer;
    private readonly JournalReads? _reads; // none of a journal in memory, which has one connection only
    private readonly WrittenMark? _mark;
    private readonly TimerQueue _timers;
    private readonly ClockWatch _clockWatch;
    private readonly ITimer _housekeeping;
    private readonly Channel<Inbox> _ready = Channel.CreateUnbounded<Inbox>();
    private readonly Channel<PendingActivity> _activities = Channel.CreateUnbounded<PendingActivity>();
    private volatile Inboxes? _present; // from a start to a stop; set on the writer thread, so that each message is delivered either by the start or after it
    private int _state; // 0 not started, 1 started, 2 closed

    /// <summary>Takes the journal; instances go on once <see cref="StartAsync"/> was called.</summary>
    /// <exception cref="JournalException">Another process owns the journal, or it cannot be opened.</exception>
    public SqliteOrchestrationService(SqliteOrchestrationServiceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _log = settings.LoggerFactory.CreateLogger<SqliteOrchestrationService>();
        (_lease, _journal, _mark) = Open(settings, Now);
        _journal.ActivityEnded = key => _onCommit.Add(() => _open.TryRemove(key, out _));
        _writer = new JournalWriter(_journal.Connection, Break) { Begun = BeginTransaction, Committed = Committed, Changed = LogChange };
        _reads = _lease is null ? null : new JournalReads(Path.GetFullPath(settings.Path));
        _timers = new TimerQueue(settings.Clock);
        _clockWatch = new ClockWatch(settings.Clock, _journal.Mark.Time, () => _writer.Post(() => { }));
        _writer.Start();
        _housekeeping = settings.Clock.CreateTimer(_ => _ = PurgeOld(), null, TimeSpan.Zero, TimeSpan.FromHours(1));
    }

    /// <summary>Ends when the service is closed, with a <see cref="JournalException"/> when the journal cannot be written any more.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Told the id of an instance when it has finished, on the writer thread: it must be quick.</summary>
    public event Action<string>? InstanceFinished;

    /// <summary>For tests: something done to the connection, in the writer's order.</summary>
    internal Task<bool> OnConnection(Action<SqliteConnection> act) => _writer.Ask(() =>
    {
        act(_journal.Connection);
        return true;
    });

    /// <summary>For tests: timers in memory, see <see cref="TimerQueue.Count"/>.</summary>
    internal int TimersInMemory => _timers.Count;

    /// <summary>For tests: the last turn of an instance could not be run.</summary>
    internal bool IsFailing(string id) => _present?.IsFailing(id) == true;

    private DateTime Now => _settings.Clock.GetUtcNow().UtcDateTime;

    /// <inheritdoc/>
    public Task CreateAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public Task CreateAsync(bool recreateInstanceStore) => recreateInstanceStore ? DeleteAsync() : Task.CompletedTask;

    /// <inheritdoc/>
    public Task CreateIfNotExistsAsync() => Task.CompletedTask;

    /// <summary>Deletes every instance. Who waits for one is told that there is none.</summary>
    public Task DeleteAsync() => DeleteAsync(true);

    /// <inheritdoc cref="DeleteAsync()"/>
    public Task DeleteAsync(bool deleteInstanceStore) => _writer.Ask(
        () =>
        {
            _journal.DeleteAll();
            return true;
        },
        _ =>
        {
            var wasStarted = _present is not null;
            Forget();
            _open.Clear();
            if (wasStarted)
                _present = new Inboxes(_settings.MaxInstancesInMemory, _ready.Writer);
            Tell(waiter => waiter.TrySetResult(null));
        });

    /// <summary>Goes on with everything that waits in the journal.</summary>
    public Task StartAsync()
    {
        if (Interlocked.CompareExchange(ref _state, 1, 0) != 0)
            return Task.CompletedTask;
        return _writer.Ask(
            () =>
            {
                _journal.Readmit();
                return _journal.Waiting();
            },
            Begin);
    }

    /// <summary>Hands out no more work. An activity that runs may end, and its result is kept; a turn that is not written yet runs again. The service can be started again.</summary>
    public Task StopAsync() => StopAsync(false);

    /// <inheritdoc cref="StopAsync()"/>
    public async Task StopAsync(bool isForced)
    {
        if (Interlocked.CompareExchange(ref _state, 0, 1) != 1)
            return;
        // In the writer's order, so that a start that follows finds everything written.
        try
        {
            await _writer.Offer(() => true, _ => Forget());
        }
        catch (JournalException)
        {
            // It broke, was closed, or cannot be written now, and nothing is handed out any more.
            Forget();
        }
    }

    /// <summary>Writes what is waiting and gives the journal up. Stop the dispatchers before.</summary>
    public ValueTask DisposeAsync()
    {
        Close(_writer.Dispose);
        return ValueTask.CompletedTask;
    }

    /// <summary>Leaves as a killed process does: nothing more is written, and the lease ends.</summary>
    internal void Abandon() => Close(_writer.Abandon);

    private static (Lease? Lease, Journal Journal, WrittenMark? Mark) Open(SqliteOrchestrationServiceSettings settings, DateTime now)
    {
        if (settings.Path == SqliteOrchestrationServiceSettings.InMemory)
            return (null, Journal.Open(settings.Path, write: true, survivePowerLoss: false), null);
        var path = Path.GetFullPath(settings.Path);
        Lease? lease = null;
        Journal? journal = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            lease = Lease.Take(path, now);
            journal = Journal.Open(path, write: true, settings.SurvivePowerLoss, settings.ChecksJournal);
            // Without a flush at each commit the newest transactions may be lost with the power, and that is no damage.
            return (lease, journal, settings.SurvivePowerLoss ? WrittenMark.Open(path, journal.Mark) : null);
        }
        catch (Exception error)
        {
            journal?.Dispose();
            lease?.Dispose();
            if (error is IOException or UnauthorizedAccessException or SqliteException)
                throw new JournalException($"The journal {path} cannot be opened: {error.Message} Repair it or use another data folder.", error);
            throw;
        }
    }

    private static TimeSpan Backoff(int failures) => TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, Math.Min(failures, 10) - 1)));

    private static async Task<T?> Take<T>(Channel<T> queue, TimeSpan timeout, CancellationToken cancellation)
        where T : class
    {
        if (queue.Reader.TryRead(out var ready))
            return ready;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            return await queue.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>What is committed; on a connection of its own where there is one, so that no look waits for the writer or holds it up.</summary>
    private Task<T> Read<T>(Func<Journal, T> read) => _reads is null ? _writer.Ask(() => read(_journal)) : _reads.Run(read);

    /// <summary>On the writer thread, after the journal was read.</summary>
    private void Begin((List<Pending> Messages, List<PendingActivity> Activities) waiting)
    {
        if (_state != 1)
            return;
        _present = new Inboxes(_settings.MaxInstancesInMemory, _ready.Writer);
        _open.Clear();
        foreach (var message in waiting.Messages)
            Deliver(message);
        foreach (var activity in waiting.Activities)
            HandOut(activity);
    }

    /// <summary>Nothing of what is in memory is handed out any more.</summary>
    private void Forget()
    {
        _present?.Close();
        _present = null;
        _timers.Clear();
    }

    /// <summary>An instance was replaced, ended from outside or purged. On the writer thread, in the transaction that does so.</summary>
    private void Forget(string id) => _onCommit.Add(() =>
    {
        _present?.Forget(id);
        _timers.Remove(id);
    });

    /// <summary>On the writer thread, after the commit.</summary>
    private void Finished(string id)
    {
        InstanceFinished?.Invoke(id);
        if (_waiters.Remove(id, out var waiters) && _journal.Find(id) is { } found)
            waiters.ForEach(waiter => waiter.TrySetResult(found));
    }

    private async Task PurgeOld()
    {
        if (_settings.Retention == Timeout.InfiniteTimeSpan)
            return;
        try
        {
            await Purge(journal => journal.Finished(null, null, Now - _settings.Retention, null), null);
        }
        catch (JournalException)
        {
            // The service was closed or broke; who uses it is told.
        }
    }

    private void Break(JournalException error)
    {
        _log.Broke(error);
        Forget();
        Tell(waiter => waiter.TrySetException(error));
        _stopped.TrySetException(error);
    }

    private void Tell(Action<TaskCompletionSource<OrchestrationState?>> tell)
    {
        foreach (var waiter in _waiters.Values.SelectMany(waiters => waiters))
            tell(waiter);
        _waiters.Clear();
    }

    private void Close(Action endWriter)
    {
        if (Interlocked.Exchange(ref _state, 2) == 2)
            return;
        _housekeeping.Dispose();
        _clockWatch.Dispose();
        _timers.Dispose();
        endWriter();
        _reads?.Dispose();
        Forget();
        Tell(waiter => waiter.TrySetException(new JournalException("The service was closed; the instance goes on when the journal is opened again.")));
        _journal.Dispose();
        _mark?.Dispose();
        _lease?.Dispose();
        _stopped.TrySetResult();
    }
}

internal static partial class ServiceLog
{
    [LoggerMessage(101, LogLevel.Warning, "{Sentence}")]
    public static partial void Refused(this ILogger logger, string sentence);

    [LoggerMessage(102, LogLevel.Critical, "The journal stopped.")]
    public static partial void Broke(this ILogger logger, Exception error);

    [LoggerMessage(104, LogLevel.Error, "{Sentence}")]
    public static partial void CannotBeWritten(this ILogger logger, string sentence);

    [LoggerMessage(105, LogLevel.Warning, "The journal can be written again.")]
    public static partial void IsWrittenAgain(this ILogger logger);

    [LoggerMessage(106, LogLevel.Warning, "The clock was set back by {Time}; timers were brought forward by as much.")]
    public static partial void ClockWasSetBack(this ILogger logger, TimeSpan time);

    [LoggerMessage(103, LogLevel.Warning, "Work of instance {Instance} could not be run; it is tried again in {Wait}.")]
    public static partial void Abandoned(this ILogger logger, string instance, TimeSpan wait);
}
