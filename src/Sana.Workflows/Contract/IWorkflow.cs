namespace Sana.Workflows.Contract;

/// <summary>An orchestration: which steps run, in which order, on which inputs. The rules it obeys stand at <see cref="IWorkflowContext"/>.</summary>
public interface IWorkflow<TIn, TOut>
{
    /// <summary>Runs from the start or, after a restart, again over what was recorded.</summary>
    Task<TOut> Run(IWorkflowContext context, TIn input);
}
