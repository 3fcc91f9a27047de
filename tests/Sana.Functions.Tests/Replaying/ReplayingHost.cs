using Microsoft.Extensions.Time.Testing;
using Sana.Functions.Durable;
using Sana.Tests.Engine;
using Sana.Workflows.Contract;

namespace Sana.Functions.Tests.Replaying;

/// <summary>The scenarios through the adapter's own context and client, on an engine that replays at every event.</summary>
internal sealed class ReplayingHost : IScenarioHost
{
    private readonly ReplayingEngine _engine;

    public ReplayingHost()
    {
        var registry = ScenarioWorkflows.Register(Steps.Register(new WorkflowRegistry()));
        _engine = new ReplayingEngine(
            (name, context) => DurableRun.Of(context, registry.FindWorkflow(TaskNames.Workflow(name))!),
            async (call, _) => Json.Parse(await registry.FindStep(call.Step)!(Json.Text(call.Input), CancellationToken.None)),
            Clock);
        Client = new DurableWorkflowClient(_engine);
    }

    public IWorkflowClient Client { get; }

    public FakeTimeProvider Clock { get; } = new();

    public Fakes Steps { get; } = new();

    public Task Kill()
    {
        _engine.Kill();
        return Task.CompletedTask;
    }

    // A suspended instance of Durable is told nothing: its answers wait at the door.
    public Task<bool> HasHeard(string id, int steps) => Task.FromResult(_engine.Told(InstanceIds.Encode(id)) >= steps);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
