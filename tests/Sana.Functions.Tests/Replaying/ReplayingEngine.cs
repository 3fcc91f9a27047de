using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;

namespace Sana.Functions.Tests.Replaying;

/// <summary>
/// Durable in memory: an instance is run again from its first line at every event, over a history that is checked wish by wish; activities at least once, timers by the clock of the test.
/// </summary>
/// <param name="orchestrate">Runs an orchestration function by its name.</param>
/// <param name="act">Runs the activity function.</param>
/// <param name="clock">Time stamps and timers.</param>
internal sealed class ReplayingEngine(
    Func<string, TaskOrchestrationContext, Task<JsonElement>> orchestrate, Func<StepCall, DurableTaskClient, Task<JsonElement>> act, TimeProvider clock) : DurableTaskClient
{
    private readonly ConcurrentDictionary<string, Instance> _instances = [];
    private int _process;

    public DateTime Now => clock.GetUtcNow().UtcDateTime;

    public Task<JsonElement> Orchestrate(string name, TaskOrchestrationContext context) => orchestrate(name, context);

    /// <summary>How many answers and events the instance has got, taken or not.</summary>
    public int Told(string id) => _instances[id].Told;

    /// <summary>The process dies: what ran in it ends for nobody, and another one goes on.</summary>
    public void Kill()
    {
        Interlocked.Increment(ref _process);
        foreach (var instance in _instances.Values.Where(instance => !instance.IsFinished))
            instance.Recover();
    }

    public void Fulfil(Instance instance, int number, Wish wish)
    {
        var (process, generation) = (Volatile.Read(ref _process), instance.Generation);
        if (wish is ActivityWish activity)
            _ = Task.Run(() => Act(instance, number, activity, process, generation));
        else if (wish is TimerWish timer)
            _ = Ring(instance, number, timer.Due, process, generation);
        else if (wish is EventWish sent)
            Raise(sent.Id, sent.Name, sent.Payload);
        else if (wish is ChildWish child)
            Begin(child.Name, child.Id, child.Input, instance, number);
    }

    public override Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default)
    {
        var id = options!.InstanceId!;
        if (_instances.TryGetValue(id, out var there) && options.DedupeStatuses!.Contains(there.Describe().RuntimeStatus.ToString()))
            throw new InvalidOperationException($"An instance {id} exists.");
        _instances.TryRemove(id, out _);
        Begin(orchestratorName.Name, id, Wire.Write(input), null, 0);
        return Task.FromResult(id);
    }

    public override Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default)
    {
        Raise(instanceId, eventName, Wire.Write(eventPayload));
        return Task.CompletedTask;
    }

    public override async Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        var instance = _instances[instanceId];
        await instance.Over.WaitAsync(cancellation);
        return instance.Describe();
    }

    public override Task<OrchestrationMetadata?> GetInstanceAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        Task.FromResult(_instances.GetValueOrDefault(instanceId)?.Describe());

    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null) => new Listing(_instances.Values
        .Select(instance => instance.Describe())
        .Where(found => filter!.Statuses?.Contains(found.RuntimeStatus) != false && found.InstanceId.StartsWith(filter.InstanceIdPrefix ?? "", StringComparison.Ordinal))
        .Where(found => filter!.CreatedTo is not { } before || found.CreatedAt <= before));

    public override Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        _instances[instanceId].Suspend();
        return Task.CompletedTask;
    }

    public override Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default)
    {
        _instances[instanceId].Resume();
        return Task.CompletedTask;
    }

    public override Task TerminateInstanceAsync(string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        _instances[instanceId].Terminate(Wire.Write(options!.Output));
        return Task.CompletedTask;
    }

    public override Task<PurgeResult> PurgeInstanceAsync(string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        Task.FromResult(new PurgeResult(_instances.TryRemove(instanceId, out _) ? 1 : 0));

    private void Raise(string id, string name, string payload)
    {
        if (_instances.TryGetValue(id, out var instance))
            instance.Tell(new Raised(Now, name, payload));
    }

    private void Begin(string name, string id, string input, Instance? parent, int number)
    {
        var instance = new Instance(this, name, id, input, parent, number);
        if (_instances.TryAdd(id, instance))
            instance.Wake();
        else
            parent!.Tell(new Ended(Now, number, null, "InstanceExists", $"The id {id} is taken."));
    }

    private async Task Act(Instance instance, int number, ActivityWish wish, int process, int generation)
    {
        Ended end;
        try
        {
            end = new Ended(Now, number, Wire.Write(await act(Wire.Read<StepCall>(wish.Input), this)));
        }
        catch (Exception error)
        {
            end = new Ended(Now, number, null, error.GetType().FullName, error.Message);
        }

        if (process == Volatile.Read(ref _process) && generation == instance.Generation)
            instance.Tell(end);
    }

    private async Task Ring(Instance instance, int number, DateTime due, int process, int generation)
    {
        var wait = due - Now;
        await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, clock);
        if (process == Volatile.Read(ref _process) && generation == instance.Generation)
            instance.Tell(new Ended(Now, number, "null"));
    }

    private sealed class Listing(IEnumerable<OrchestrationMetadata> found) : AsyncPageable<OrchestrationMetadata>
    {
        public override IAsyncEnumerator<OrchestrationMetadata> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
            found.ToAsyncEnumerable().GetAsyncEnumerator(cancellationToken);
    }
}
