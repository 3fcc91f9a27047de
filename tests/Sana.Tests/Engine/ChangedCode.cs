using Sana.Workflows.Contract;
using Xunit;
using static Sana.Tests.Engine.ScenarioWorkflows;

namespace Sana.Tests.Engine;

/// <summary>A running instance meets code that is not the code it began with.</summary>
public class ChangedCode
{
    [Fact]
    public async Task Another_step_at_the_same_place_is_refused_with_both_names()
    {
        await using var host = await HalfDone();

        await host.Kill(With(host, async (context, number) => await context.Call(new Step<int, int>("triple"), number) + await context.Call(Fakes.Gated, 1)));
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal(WorkflowStatus.Refused, end.Status);
        Assert.Matches(
            @"^The workflow's code changed under instance i: call 0 was recorded as step 'double' \(input \w{16}\) and the code now asks there for step 'triple' \(input \w{16}\)\.",
            end.Error);
    }

    [Fact]
    public async Task Another_input_of_the_same_step_is_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(With(host, async (context, number) => await context.Call(Fakes.Double, number + 1) + await context.Call(Fakes.Gated, 1)));
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Matches(@"call 0 was recorded as step 'double' \(input (\w+)\) and the code now asks there for step 'double' \(input (?!\1)\w+\)", end.Error);
    }

    [Fact]
    public async Task Fewer_calls_are_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(With(host, (_, number) => Task.FromResult(number)));
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Contains("call 0 was recorded as step 'double'", end.Error, StringComparison.Ordinal);
        Assert.Contains("the code now ends after 0 calls", end.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_workflow_is_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(host.Steps.Register(new WorkflowRegistry()));
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal(
            (WorkflowStatus.Refused, "Workflow 'half' of instance i is not registered in this program; run it with one that has it."), (end.Status, end.Error));
    }

    [Fact]
    public async Task The_old_code_goes_on_where_it_stood()
    {
        await using var host = await HalfDone();
        await host.Kill(host.Steps.Register(new WorkflowRegistry()));
        await host.Client.Wait("i", TestContext.Current.CancellationToken);

        host.Steps.Open();
        await host.Kill(With(host, Half));
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken);

        Assert.Equal((WorkflowStatus.Completed, "15"), (end.Status, end.Output));
    }

    private static async Task<int> Half(IWorkflowContext context, int number) => await context.Call(Fakes.Double, number) + await context.Call(Fakes.Gated, 1);

    private static readonly Workflow<int, int> _half = new("half");

    private static async Task<SqliteHost> HalfDone()
    {
        var host = new SqliteHost();
        await host.Kill(With(host, Half));
        await host.Client.Start(_half, 7, "i");
        await ((IScenarioHost)host).Eventually(() => Task.FromResult(host.Steps.Begun == 1));
        return host;
    }

    private static WorkflowRegistry With(SqliteHost host, Func<IWorkflowContext, int, Task<int>> code) => host.Registry().Add(_half, Of(code));
}
