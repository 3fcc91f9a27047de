namespace Sana.Local.Engine;

/// <summary>A workflow's wait for an event.</summary>
internal abstract class EventWait
{
    public abstract void Take(HistoryRow row);

    public abstract void Drop(Exception reason);
}

/// <inheritdoc />
internal sealed class EventWait<T> : EventWait
{
    private readonly TaskCompletionSource<T> _arrival = new();

    public Task<T> Task => _arrival.Task;

    public override void Take(HistoryRow row) => Call<T>.Finish(_arrival, row.Value);

    public override void Drop(Exception reason) => _arrival.TrySetException(reason);
}
