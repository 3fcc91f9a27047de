using Microsoft.Extensions.Time.Testing;
using Sana.Local.Engine;
using Sana.Tests.Support;
using Sana.Workflows.Contract;

namespace Sana.Tests.Engine;

/// <summary>The scenarios on the embedded engine; a kill leaves the engine as SIGKILL leaves a process and opens the same file again.</summary>
internal sealed class SqliteHost : IScenarioHost
{
    private readonly TempFolder _folder = new();
    private SqliteEngine _engine;

    public SqliteHost() => _engine = Open(Registry());

    public IWorkflowClient Client => _engine;

    public FakeTimeProvider Clock { get; } = new();

    public Fakes Steps { get; } = new();

    public string Path => _folder.File("journal.db");

    public Task Kill() => Kill(Registry());

    /// <summary>Kills, and starts with other code.</summary>
    public Task Kill(WorkflowRegistry registry)
    {
        _engine.Abandon();
        _engine = Open(registry);
        return Task.CompletedTask;
    }

    public WorkflowRegistry Registry() => ScenarioWorkflows.Register(Steps.Register(new WorkflowRegistry()));

    /// <summary>Closes the engine; the journal stays until this is disposed.</summary>
    public ValueTask Close() => _engine.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        _folder.Dispose();
    }

    private SqliteEngine Open(WorkflowRegistry registry) =>
        SqliteEngine.Open(new SqliteEngineOptions { Path = Path, Clock = Clock, Grace = TimeSpan.Zero }, registry);
}
