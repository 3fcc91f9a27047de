using Azure.Storage.Queues;
using Sana.Tests.Support;
using Xunit;

[assembly: AssemblyFixture(typeof(Sana.Functions.Tests.Roles.OneAzurite))]

namespace Sana.Functions.Tests.Roles;

/// <summary>One emulator for all tests; each has containers of its own and finds the queue empty, so they run one after another.</summary>
public sealed class OneAzurite : IAsyncLifetime
{
    public const string Turns = "azurite";

    private Azurite _azurite = null!;
    private int _tests;

    public string Connection => _azurite.Connection;

    public async ValueTask InitializeAsync() => _azurite = await Azurite.Start();

    public ValueTask DisposeAsync() => _azurite.DisposeAsync();

    /// <summary>Where the next test's blobs go.</summary>
    public async Task<string> Fresh()
    {
        foreach (var queue in new[] { "sana-jobs", "sana-jobs-poison" })
            await new QueueClient(Connection, queue).DeleteIfExistsAsync();
        return $"{Connection};Container=sana-{Interlocked.Increment(ref _tests)}";
    }
}
