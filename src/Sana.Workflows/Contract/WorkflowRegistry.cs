namespace Sana.Workflows.Contract;

/// <summary>An orchestration by its texts: input in, output out.</summary>
public delegate Task<string> WorkflowBody(IWorkflowContext context, string input);

/// <summary>A step by its texts: input in, output out. The token is canceled when nobody waits for the result any more.</summary>
public delegate Task<string> StepBody(string input, CancellationToken cancellation);

/// <summary>Which code runs under which name. Filled once at start; every engine takes the same one.</summary>
public sealed class WorkflowRegistry
{
    private readonly Dictionary<string, WorkflowBody> _workflows = [];
    private readonly Dictionary<string, StepBody> _steps = [];

    /// <summary>Names of the orchestrations added so far.</summary>
    public IReadOnlyCollection<string> Workflows => _workflows.Keys;

    /// <summary>Names of the steps added so far.</summary>
    public IReadOnlyCollection<string> Steps => _steps.Keys;

    /// <summary>Adds an orchestration; it is created anew for each run.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public WorkflowRegistry Add<TIn, TOut>(Workflow<TIn, TOut> workflow, Func<IWorkflow<TIn, TOut>> create)
    {
        _workflows.Add(workflow.Name, async (context, input) => WorkflowJson.Write(await create().Run(context, WorkflowJson.Read<TIn>(input))));
        return this;
    }

    /// <summary>Adds a step. It may run more than once for one call: what it writes must have names that its input determines.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public WorkflowRegistry Add<TIn, TOut>(Step<TIn, TOut> step, Func<TIn, CancellationToken, Task<TOut>> run)
    {
        _steps.Add(step.Name, async (input, cancellation) => WorkflowJson.Write(await run(WorkflowJson.Read<TIn>(input), cancellation)));
        return this;
    }

    /// <summary>The orchestration of this name, or null.</summary>
    public WorkflowBody? FindWorkflow(string name) => _workflows.GetValueOrDefault(name);

    /// <summary>The step of this name, or null.</summary>
    public StepBody? FindStep(string name) => _steps.GetValueOrDefault(name);
}
