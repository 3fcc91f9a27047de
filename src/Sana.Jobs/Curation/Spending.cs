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
/// Asks that are in flight when the limit is reached are paid: a budget is passed by as much as they cost, and on several machines by that of each.
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

    /// <summary>Whether another ask may be sent.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock)
                return !(_spent.Cost >= budget.Money) && !(_spent.Tokens >= budget.Tokens);
        }
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
}
