using System.Text.Json;
using Microsoft.DurableTask;

namespace Sana.Functions.Durable;

/// <summary>
/// Events in the order that the contract promises. Durable itself serves the newest waiter first and gives an event to one that was canceled, where it is lost: so there is never more
/// than one of its waits for a name, none is ever canceled, and who asked first is served first from here.
/// </summary>
internal sealed class EventBox(TaskOrchestrationContext durable)
{
    private readonly Dictionary<string, Slot> _slots = [];

    public Task<JsonElement> Take(string name, CancellationToken cancellation)
    {
        if (!_slots.TryGetValue(name, out var slot))
            _slots.Add(name, slot = new Slot());
        if (cancellation.IsCancellationRequested)
            return Task.FromCanceled<JsonElement>(cancellation);
        if (slot.Kept.TryDequeue(out var early))
            return Task.FromResult(early);
        var waiter = new TaskCompletionSource<JsonElement>();
        slot.Waiters.AddLast(waiter);
        cancellation.Register(() =>
        {
            if (slot.Waiters.Remove(waiter))
                waiter.SetCanceled(cancellation);
        });
        if (!slot.IsListening)
            _ = Listen(name, slot);
        return waiter.Task;
    }

    /// <summary>Forgets who waits; what they waited for is kept for those who ask later.</summary>
    public void Abandon()
    {
        foreach (var slot in _slots.Values)
            slot.Waiters.Clear();
    }

    /// <summary>Sends what came and nobody took to the instance's next run.</summary>
    public void CarryOver()
    {
        foreach (var (name, slot) in _slots.OrderBy(named => named.Key, StringComparer.Ordinal))
        {
            while (slot.Kept.TryDequeue(out var payload))
                durable.SendEvent(durable.InstanceId, name, payload);
        }
    }

    private async Task Listen(string name, Slot slot)
    {
        slot.IsListening = true;
        while (slot.Waiters.Count > 0)
        {
            var payload = await durable.WaitForExternalEvent<JsonElement>(name);
            if (slot.Waiters.First is { } first)
            {
                slot.Waiters.Remove(first);
                first.Value.SetResult(payload);
            }
            else
            {
                slot.Kept.Enqueue(payload);
            }
        }

        slot.IsListening = false;
    }

    private sealed class Slot
    {
        public Queue<JsonElement> Kept { get; } = new();

        public LinkedList<TaskCompletionSource<JsonElement>> Waiters { get; } = new();

        public bool IsListening { get; set; }
    }
}
