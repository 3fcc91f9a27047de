using Microsoft.Extensions.Time.Testing;
using Sana.Tests.Support;
using Sana.Workflows.Contract;

namespace Sana.Tests.Engine;

/// <summary>The scenarios without an engine: the meaning that the others are held to.</summary>
internal sealed class PlainHost : IScenarioHost
{
    public PlainHost() => Client = new PlainEngine(ScenarioWorkflows.Register(Steps.Register(new WorkflowRegistry())), Clock);

    public IWorkflowClient Client { get; }

    public FakeTimeProvider Clock { get; } = new();

    public Fakes Steps { get; } = new();

    public Task Kill() => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
