using Sana.Jobs.Durable;

namespace Sana.Jobs.Http;

/// <summary>Who waits in this process for a job that nobody can ask for again: it is canceled when the last of them leaves.</summary>
internal sealed class JobWaiters(ApiParts parts)
{
    private const int MostGivenUp = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _waiting = new(StringComparer.Ordinal);

    // The last that were given up: their instances take a moment to end, and nobody is to join them meanwhile.
    private readonly HashSet<string> _givenUp = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>One more waits. False when the job is being canceled.</summary>
    public bool Enter(string id)
    {
        lock (_gate)
        {
            if (_givenUp.Contains(id))
                return false;
            _waiting[id] = _waiting.GetValueOrDefault(id) + 1;
            return true;
        }
    }

    /// <summary>One less waits.</summary>
    public void Leave(string id)
    {
        lock (_gate)
        {
            if (_waiting.GetValueOrDefault(id) > 1)
                _waiting[id]--;
            else
                _waiting.Remove(id);
        }
    }

    /// <summary>One less waits, and the job is canceled when he was the last.</summary>
    /// <param name="instance">The job's instance.</param>
    /// <param name="reason">Why, for its result.</param>
    /// <param name="pause">How long another one may take to come; a server that stops waits for nobody.</param>
    public async Task LeaveOrCancel(WorkflowInstance instance, string reason, TimeSpan pause)
    {
        var id = instance.Id["job-".Length..];
        if (pause > TimeSpan.Zero)
            await Task.Delay(pause, parts.Clock, parts.Stopping).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        lock (_gate)
        {
            if (_waiting.GetValueOrDefault(id) > 1)
            {
                _waiting[id]--;
                return;
            }

            _waiting.Remove(id);
            if (!_givenUp.Add(id))
                return;
            _order.Enqueue(id);
            if (_order.Count > MostGivenUp)
                _givenUp.Remove(_order.Dequeue());
        }

        await parts.Workflows.Cancel(instance.Id, reason);
    }
}
