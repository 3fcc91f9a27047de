using System.Collections.Concurrent;
using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>What the captions of a dataset may cost.</summary>
/// <param name="Money">In the currency of the captioners' prices. Default no limit.</param>
/// <param name="Tokens">Asked and answered together. Default no limit.</param>
public sealed record Budget(decimal? Money = null, long? Tokens = null);

/// <summary>What was spent: asks that were answered, tokens and price of them.</summary>
public sealed record Usage(long Asked, long Tokens, decimal Cost)
{
    /// <summary>Nothing.</summary>
    public static Usage None { get; } = new(0, 0, 0);

    /// <summary>Both together.</summary>
    public Usage Plus(Usage other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new(Asked + other.Asked, Tokens + other.Tokens, Cost + other.Cost);
    }
}

/// <summary>
/// The running total of each dataset on this machine. It begins with what finished shards wrote down and grows with every answer, so a killed run that goes on counts on.
/// What an ask may cost is reserved before it is sent, so a budget is passed by no more than one answer, and on several machines by one of each.
/// </summary>
internal sealed class Spending(IBlobs blobs)
{
    private readonly ConcurrentDictionary<(DatasetNames, Budget), Task<BudgetAccount>> _accounts = new();

    // All callers share one reading, so no caller's cancellation ends it.
    public Task<BudgetAccount> Of(DatasetNames names, Budget budget, int shards, IReadOnlyList<string> labels, CancellationToken cancellationToken) =>
        _accounts.GetOrAdd((names, budget), _ => Open(names, budget, shards, labels)).WaitAsync(cancellationToken);

    /// <summary>The next run of this dataset counts anew from what is written.</summary>
    public void Forget(DatasetNames names, Budget budget) => _accounts.TryRemove((names, budget), out _);

    private async Task<BudgetAccount> Open(DatasetNames names, Budget budget, int shards, IReadOnlyList<string> labels)
    {
        try
        {
            var spent = Usage.None;
            for (var shard = 0; shard < shards; shard++)
            {
                foreach (var label in labels)
                {
                    if (await blobs.Read(names.Usage(shard, label), CancellationToken.None) is { } bytes)
                        spent = spent.Plus(JsonSerializer.Deserialize(bytes, CurateJson.Readable.Usage)!);
                }
            }

            return new BudgetAccount(budget, spent);
        }
        catch
        {
            Forget(names, budget);
            throw;
        }
    }
}

/// <summary>One dataset's budget and what is gone of it. Any number of threads may use it.</summary>
internal sealed class BudgetAccount(Budget budget, Usage spent)
{
    private readonly Lock _lock = new();
    private Usage _spent = spent;
    private Usage _reserved = Usage.None;
    private int _inFlight;
    private TaskCompletionSource _settled = New();

    /// <summary>
    /// Makes room for an ask. Where what is in flight may use up the rest, it waits for that; alone, an ask is sent as long as anything is left.
    /// </summary>
    /// <returns>False when the budget is spent. After true, <see cref="Settle"/> follows.</returns>
    public async Task<bool> Reserve(Usage estimate, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task settled;
            lock (_lock)
            {
                if (_spent.Cost >= budget.Money || _spent.Tokens >= budget.Tokens)
                    return false;
                var after = _spent.Plus(_reserved).Plus(estimate);
                if (_inFlight == 0 || !(after.Cost > budget.Money || after.Tokens > budget.Tokens))
                {
                    _inFlight++;
                    _reserved = _reserved.Plus(estimate);
                    return true;
                }

                settled = _settled.Task;
            }

            await settled.WaitAsync(cancellationToken);
        }
    }

    /// <summary>An ask has ended: what was reserved for it is free, what it used is spent.</summary>
    public void Settle(Usage estimate, Usage used)
    {
        TaskCompletionSource settled;
        lock (_lock)
        {
            _inFlight--;
            _reserved = new Usage(_reserved.Asked - estimate.Asked, _reserved.Tokens - estimate.Tokens, _reserved.Cost - estimate.Cost);
            _spent = _spent.Plus(used);
            (settled, _settled) = (_settled, New());
        }

        settled.SetResult();
    }

    public Usage Spent
    {
        get
        {
            lock (_lock)
                return _spent;
        }
    }

    public void Pay(Usage usage)
    {
        lock (_lock)
            _spent = _spent.Plus(usage);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
