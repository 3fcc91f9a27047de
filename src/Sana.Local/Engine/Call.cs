using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>A step, sub-workflow or timer that a workflow asked for and that has not ended.</summary>
internal abstract class Call(RowKind kind, int number, string name, string input, string childId)
{
    private volatile bool _dropped;

    public RowKind Kind { get; } = kind;

    public int Number { get; } = number;

    public string Name { get; } = name;

    public string Input { get; } = input;

    /// <summary>The id of a sub-workflow.</summary>
    public string ChildId { get; } = childId;

    /// <summary>Tells a changed input from the recorded one; no more than that, so eight bytes do.</summary>
    public long Hash { get; } = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(MemoryMarshal.AsBytes((input + childId).AsSpan())));

    public StepRetry? Retry { get; init; }

    /// <summary>When a timer rings, UTC.</summary>
    public DateTime Due { get; init; }

    /// <summary>Nobody waits for it any more. Read by the threads that run steps.</summary>
    public bool Dropped => _dropped;

    /// <summary>Hands the recorded end to the workflow.</summary>
    public abstract void End(HistoryRow row);

    /// <summary>Ends it with an exception that no row of its own records.</summary>
    public virtual void Drop(Exception reason) => _dropped = true;
}

/// <inheritdoc />
internal sealed class Call<T>(RowKind kind, int number, string name, string input, string childId = "") : Call(kind, number, name, input, childId)
{
    // Continuations run inside SetResult: they are the workflow's next lines, and belong to the turn that hands out the row.
    private readonly TaskCompletionSource<T> _end = new();

    public Task<T> Task => _end.Task;

    public override void End(HistoryRow row)
    {
        if (row.ErrorType is { } type)
            _end.TrySetException(new StepFailedException(Name, type, row.Value ?? "", row.Attempts));
        else
            Finish(_end, row.Value);
    }

    public override void Drop(Exception reason)
    {
        base.Drop(reason);
        _end.TrySetException(reason);
    }

    internal static void Finish(TaskCompletionSource<T> end, string? json)
    {
        T value;
        try
        {
            value = json is null ? default! : WorkflowJson.Read<T>(json);
        }
        catch (Exception error)
        {
            end.TrySetException(error);
            return;
        }

        end.TrySetResult(value);
    }
}
