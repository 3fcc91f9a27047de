using System.Runtime.CompilerServices;
using Sana.Workflows.Contract;
using Xunit;
using static Sana.Tests.Engine.ScenarioWorkflows;

namespace Sana.Tests.Engine;

/// <summary>Workflows that break the rules which no compiler checked.</summary>
public class AstrayWorkflows
{
    private static readonly Workflow<int, int> _astray = new("astray");

    [Fact]
    public Task A_foreign_task_alone_is_refused() => Fails("awaits a task that is not its context's", async (_, number) =>
    {
        await new TaskCompletionSource().Task;
        return number;
    });

    [Fact]
    public Task A_foreign_task_beside_a_pending_step_is_refused() => Fails("awaits a task that is not its context's", async (context, number) =>
    {
        var pending = context.WaitForEvent<int>("never");
        await new ForeignThread(ComesBack: true);
        return number + await pending;
    });

    [Fact]
    public Task Leaving_the_logical_thread_is_refused() => Fails("awaits a task that is not its context's", async (context, number) =>
    {
        var pending = context.WaitForEvent<int>("never");
        await new ForeignThread(ComesBack: false);
        return await context.Call(Fakes.Double, number) + await pending;
    });

    [Fact]
    public Task An_exception_is_told() => Fails("seven", (_, _) => throw new InvalidDataException("seven"));

    [Fact]
    public Task An_input_of_another_shape_is_told() =>
        Fails("could not be converted", (context, number) => context.Call(new Step<string, int>("double"), "no number"));

    [Fact]
    public Task A_step_that_is_not_there_is_told() =>
        Fails("Step 'absent' is not registered in this program; it has ", (context, number) => context.Call(new Step<int, int>("absent"), number));

    [Fact]
    public Task An_input_too_long_for_the_history_is_told() =>
        Fails("write it to a blob and pass the name", (context, number) => context.Call(new Step<string, int>("flaky"), new string('x', WorkflowJson.MaxLength)));

    [Fact]
    public Task A_childs_id_that_is_taken_is_told() => Fails("The id i/child is taken", async (context, number) =>
        await context.CallWorkflow(Chain, number, "i/child") + await context.CallWorkflow(Chain, number, "i/child"));

    private static async Task Fails(string sentence, Func<IWorkflowContext, int, Task<int>> code)
    {
        await using var host = new SqliteHost();
        await host.Kill(host.Registry().Add(_astray, Of(code)));

        await host.Client.Start(_astray, 1, "i");
        var end = await host.Client.Wait("i", TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        Assert.Equal(WorkflowStatus.Failed, end.Status);
        Assert.Contains(sentence, end.Error, StringComparison.Ordinal);
    }

    /// <summary>Awaited, it goes on from the thread pool: through the context of the await, or, as <c>ConfigureAwait(false)</c> does, without. Never complete at once, as a fast task may be.</summary>
    private sealed record ForeignThread(bool ComesBack) : INotifyCompletion
    {
        public bool IsCompleted => false;

        public ForeignThread GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation)
        {
            var here = ComesBack ? SynchronizationContext.Current : null;
            ThreadPool.QueueUserWorkItem(_ =>
            {
                if (here is null)
                    continuation();
                else
                    here.Post(_ => continuation(), null);
            });
        }
    }
}
