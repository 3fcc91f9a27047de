using DurableTask.Core;
using DurableTask.Core.Settings;
using Microsoft.Data.Sqlite;
using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>DurableTask.Core's own worker and client on the service, over a real file. When it is disposed, the journal is looked through.</summary>
internal sealed class TaskHub : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, ObjectCreator<TaskOrchestration>> _orchestrations = [];
    private readonly Dictionary<string, ObjectCreator<TaskActivity>> _activities = [];
    private bool _isOpen;

    public TaskHub() => Settings = new SqliteOrchestrationServiceSettings { Path = Path };

    public SqliteOrchestrationServiceSettings Settings { get; set; }

    public ErrorPropagationMode Errors { get; init; } = ErrorPropagationMode.UseFailureDetails;

    public VersioningSettings? Versions { get; set; }

    public Action<TaskHubWorker>? Configure { get; init; }

    public string Path => _folder.File("journal.db");

    public SqliteOrchestrationService Service { get; private set; } = null!;

    public TaskHubWorker Worker { get; private set; } = null!;

    public TaskHubClient Client { get; private set; } = null!;

    public TaskHub Orchestration<TIn, TOut>(string name, Func<Run, TIn, Task<TOut>> code, string version = "")
    {
        _orchestrations[name + version] = new Creator<TaskOrchestration>(name, version, () => new Code<TIn, TOut>(code));
        return this;
    }

    public TaskHub Activity<TIn, TOut>(string name, Func<TIn, TOut> code, string version = "") => AsyncActivity<TIn, TOut>(name, input => Task.FromResult(code(input)), version);

    public TaskHub AsyncActivity<TIn, TOut>(string name, Func<TIn, Task<TOut>> code, string version = "")
    {
        _activities[name + version] = new Creator<TaskActivity>(name, version, () => new Step<TIn, TOut>(code));
        return this;
    }

    /// <summary>The next process has not this orchestration.</summary>
    public void RemoveOrchestration(string name) => _orchestrations.Remove(name);

    /// <summary>The next process has not this activity.</summary>
    public void RemoveActivity(string name) => _activities.Remove(name);

    public async Task<TaskHub> Start()
    {
        Open();
        await Worker.StartAsync();
        return this;
    }

    /// <summary>Opens the journal and runs nothing yet.</summary>
    public void Open()
    {
        Service = new SqliteOrchestrationService(Settings);
        Client = new TaskHubClient(Service);
        Worker = new TaskHubWorker(Service, Versions!) { ErrorPropagationMode = Errors };
        Worker.AddTaskOrchestrations([.. _orchestrations.Values]);
        Worker.AddTaskActivities([.. _activities.Values]);
        Configure?.Invoke(Worker);
        _isOpen = true;
    }

    /// <summary>Leaves as a killed process does.</summary>
    public async Task Kill()
    {
        Service.Abandon();
        await Worker.StopAsync(isForced: true);
        Worker.Dispose();
        _isOpen = false;
    }

    public async Task Close()
    {
        if (!_isOpen)
            return;
        await Worker.StopAsync(isForced: true);
        Worker.Dispose();
        await Service.DisposeAsync();
        _isOpen = false;
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        if (File.Exists(Path))
            LookThrough();
        _folder.Dispose();
    }

    public Task<OrchestrationInstance> Begin(string name, object? input = null, string? id = null, string version = "") =>
        Client.CreateOrchestrationInstanceAsync(name, version, id ?? Guid.NewGuid().ToString("N"), input);

    public async Task<OrchestrationState> Wait(string id) =>
        await Client.WaitForOrchestrationAsync(new OrchestrationInstance { InstanceId = id }, _patience, TestContext.Current.CancellationToken) is { } state
            ? state
            : throw new TimeoutException($"{id} did not finish, or is not there: {(await Get(id))?.OrchestrationStatus.ToString() ?? "none"}.");

    public async Task<OrchestrationState> Play(string name, object? input = null, string? id = null, string version = "") =>
        await Wait((await Begin(name, input, id, version)).InstanceId);

    /// <summary>Runs to the end and says its status and output, or its innermost failure.</summary>
    public async Task<string> Answer(string name, object? input = null, string? id = null, string version = "") => Tell(await Play(name, input, id, version));

    public async Task<string> Answer(OrchestrationInstance instance) => Tell(await Wait(instance.InstanceId));

    public Task<OrchestrationState?> Get(string id) => Client.GetOrchestrationStateAsync(id);

    public Task Raise(string id, string name, object? value = null) => Client.RaiseEventAsync(new OrchestrationInstance { InstanceId = id }, name, value!);

    public Task Terminate(string id, string reason = "enough") => Client.TerminateInstanceAsync(new OrchestrationInstance { InstanceId = id }, reason);

    public Task Suspend(string id, string reason = "rest") => Client.SuspendInstanceAsync(new OrchestrationInstance { InstanceId = id }, reason);

    public Task Resume(string id, string reason = "on") => Client.ResumeInstanceAsync(new OrchestrationInstance { InstanceId = id }, reason);

    public Task Becomes(string id, OrchestrationStatus status) => Eventually(async () => (await Get(id))?.OrchestrationStatus == status);

    /// <summary>What it says of itself becomes this text.</summary>
    public Task Says(string id, string status) => Eventually(async () => (await Get(id))?.Status == $"\"{status}\"");

    public static async Task Eventually(Func<Task<bool>> holds)
    {
        for (var begin = TimeProvider.System.GetTimestamp(); !await holds();)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begin) < _patience, "It did not happen in time.");
            await Task.Delay(2);
        }
    }

    public static Task Eventually(Func<bool> holds) => Eventually(() => Task.FromResult(holds()));

    /// <summary>The first column of the first row, read beside the service.</summary>
    public object? Ask(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    public long Count(string from) => (long)Ask($"SELECT count(*) FROM {from}")!;

    public static string Tell(OrchestrationState state) =>
        $"{state.OrchestrationStatus} {(state.FailureDetails is { } failure ? Innermost(failure).ErrorMessage : state.Output)}";

    private static FailureDetails Innermost(FailureDetails failure) => failure.InnerFailure is { } inner ? Innermost(inner) : failure;

    /// <summary>Nothing waits for what has finished, nothing belongs to what is not there, and the file is whole.</summary>
    private void LookThrough()
    {
        Assert.Equal("ok", Ask("PRAGMA integrity_check"));
        foreach (var table in new[] { "messages", "activities" })
            Assert.Equal((table, 0), (table, Count($"{table} WHERE instance NOT IN (SELECT key FROM instances WHERE status IN (0, 6, 7))")));
        Assert.Equal(0, Count("history WHERE instance NOT IN (SELECT key FROM instances)"));
    }

    private sealed class Creator<T> : ObjectCreator<T>
    {
        private readonly Func<T> _create;

        public Creator(string name, string version, Func<T> create)
        {
            (Name, Version) = (name, version);
            _create = create;
        }

        public override T Create() => _create();
    }

    private sealed class Step<TIn, TOut>(Func<TIn, Task<TOut>> code) : AsyncTaskActivity<TIn, TOut>
    {
        protected override Task<TOut> ExecuteAsync(TaskContext context, TIn input) => code(input);
    }

    private sealed class Code<TIn, TOut>(Func<Run, TIn, Task<TOut>> code) : TaskOrchestration<TOut, TIn, string, string>
    {
        private Run _run = null!;

        public override Task<TOut> RunTask(OrchestrationContext context, TIn input) => code(_run = new Run(context), input);

        public override void OnEvent(OrchestrationContext context, string name, string input) => _run.Hear(name, input);

        public override string OnGetStatus() => _run.Status!;
    }
}

/// <summary>What the code of an orchestration has: its context, the events that came, and what it says of itself.</summary>
internal sealed class Run(OrchestrationContext context)
{
    private readonly Dictionary<string, Queue<string>> _heard = [];
    private readonly Dictionary<string, Queue<TaskCompletionSource<string>>> _waiting = [];

    public OrchestrationContext Context => context;

    public string Id => context.OrchestrationInstance.InstanceId;

    public string? Status { get; set; }

    public Task<T> Call<T>(string activity, object? input = null) => context.ScheduleTask<T>(activity, "", input);

    public Task<T> Child<T>(string name, object? input = null, string? id = null) =>
        id is null ? context.CreateSubOrchestrationInstance<T>(name, "", input) : context.CreateSubOrchestrationInstance<T>(name, "", id, input);

    public Task Sleep(TimeSpan time, CancellationToken cancellation = default) => context.CreateTimer(context.CurrentUtcDateTime + time, true, cancellation);

    /// <summary>The next event of a name, in the order in which they came.</summary>
    public Task<string> Event(string name)
    {
        if (_heard.TryGetValue(name, out var heard) && heard.TryDequeue(out var value))
            return Task.FromResult(value);
        var waiter = new TaskCompletionSource<string>();
        if (!_waiting.TryGetValue(name, out var waiting))
            _waiting.Add(name, waiting = new());
        waiting.Enqueue(waiter);
        return waiter.Task;
    }

    public void Hear(string name, string value)
    {
        if (_waiting.TryGetValue(name, out var waiting) && waiting.TryDequeue(out var waiter))
        {
            waiter.SetResult(value);
            return;
        }

        if (!_heard.TryGetValue(name, out var heard))
            _heard.Add(name, heard = new());
        heard.Enqueue(value);
    }
}
