using System.Text.Json;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>
/// The contract on Durable Functions, member by member. Three things Durable does not have are made of what it has: a cancel that the workflow hears of is an event, the attempts of a
/// step are counted here, and so are steps and runs, for <see cref="WorkflowInstance"/>.
/// </summary>
/// <remarks>Everything here is awaited on Durable's own scheduler and decided by its history alone, so it replays like the workflow itself.</remarks>
internal sealed class DurableWorkflowContext : IWorkflowContext
{
    /// <summary>The event that asks a workflow to stop.</summary>
    public const string CancelEvent = "sana.cancel";

    private readonly TaskOrchestrationContext _durable;
    private readonly EventBox _events;
    private TaskCompletionSource<string> _cancel = new();
    private RunNote _note;

    public DurableWorkflowContext(TaskOrchestrationContext durable, RunNote note)
    {
        (_durable, _note, _events) = (durable, note, new EventBox(durable));
        InstanceId = InstanceIds.Decode(durable.InstanceId);
        Logger = durable.CreateReplaySafeLogger(TaskNames.Workflow(durable.Name.Name));
        durable.SetCustomStatus(note);
        _ = HearCancels();
    }

    public string InstanceId { get; }

    public DateTime UtcNow => _durable.CurrentUtcDateTime;

    public bool IsReplaying => _durable.IsReplaying;

    public ILogger Logger { get; }

    public Guid NewId() => _durable.NewGuid();

    public Task<TOut> Call<TIn, TOut>(Step<TIn, TOut> step, TIn input, StepRetry? retry = null)
    {
        var call = new StepCall(step.Name, Json.Of(input));
        return Waited(stop => Attempts<TOut>(call, retry, stop), _ => { });
    }

    public Task<TOut> CallWorkflow<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string instanceId)
    {
        var (child, json) = (InstanceIds.Encode(instanceId), Json.Of(input));
        return Waited(_ => Child<TOut>(workflow.Name, json, child), reason => _durable.SendEvent(child, CancelEvent, reason));
    }

    public Task Timer(DateTime due, CancellationToken cancellation = default) => Waited(
        async stop =>
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, stop);
            if (due > UtcNow)
                await _durable.CreateTimer(due, either.Token);
            return true;
        },
        _ => { });

    public Task<T> WaitForEvent<T>(string name, CancellationToken cancellation = default) =>
        Waited(async _ => WorkflowJson.Read<T>(Json.Text(await _events.Take(name, cancellation))), _ => { });

    public void SetStatus<T>(T status) => Note(_note with { Status = Json.Of(status) });

    public void ContinueAsNew<TIn>(TIn input, bool keepEvents = true)
    {
        if (keepEvents)
            _events.CarryOver();
        _durable.ContinueAsNew(Json.Of(new ContinuedInput(_note, Json.Of(input))), keepEvents);
    }

    private async Task<TOut> Attempts<TOut>(StepCall call, StepRetry? retry, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var output = await _durable.CallActivityAsync<JsonElement>(TaskNames.RunStep, call);
                Note(_note with { Done = _note.Done + 1 });
                return WorkflowJson.Read<TOut>(Json.Text(output));
            }
            catch (TaskFailedException error)
            {
                var (type, message) = (error.FailureDetails.ErrorType, error.FailureDetails.ErrorMessage);
                if (retry is null || !retry.Allows(attempt, type))
                {
                    Note(_note with { Failed = _note.Failed + 1 });
                    throw new StepFailedException(call.Step, type, message, attempt);
                }
            }

            await _durable.CreateTimer(UtcNow + Jittered(retry.After(attempt)), stop);
        }
    }

    private async Task<TOut> Child<TOut>(string workflow, JsonElement input, string id)
    {
        try
        {
            var output = await _durable.CallSubOrchestratorAsync<JsonElement>(TaskNames.Of(workflow), input, new SubOrchestrationOptions(instanceId: id));
            Note(_note with { Done = _note.Done + 1 });
            return WorkflowJson.Read<TOut>(Json.Text(output));
        }
        catch (TaskFailedException error)
        {
            Note(_note with { Failed = _note.Failed + 1 });
            throw new StepFailedException(workflow, CanceledRunException.ContractName(error.FailureDetails.ErrorType), error.FailureDetails.ErrorMessage, 1);
        }
    }

    /// <summary>Ends with the work, or with the next cancel if that comes first; then the work is let go and its timers are stopped.</summary>
    private async Task<T> Waited<T>(Func<CancellationToken, Task<T>> begin, Action<string> letGo)
    {
        var cancel = _cancel.Task;
        using var stop = new CancellationTokenSource();
        var work = begin(stop.Token);
        if (await Task.WhenAny(work, cancel) == work)
            return await work;
        var reason = await cancel;
        stop.Cancel();
        letGo(reason);
        throw new WorkflowCanceledException(reason);
    }

    private async Task HearCancels()
    {
        while (true)
        {
            var reason = await _durable.WaitForExternalEvent<string>(CancelEvent);
            _events.Abandon();
            var heard = _cancel;
            _cancel = new TaskCompletionSource<string>();
            heard.SetResult(reason);
        }
    }

    /// <summary>A fifth either way, as the embedded engine does it, but the same on every replay.</summary>
    private TimeSpan Jittered(TimeSpan wait) => wait * (0.8 + (0.4 * _durable.NewGuid().ToByteArray()[0] / byte.MaxValue));

    private void Note(RunNote note)
    {
        _note = note;
        _durable.SetCustomStatus(note);
    }
}
