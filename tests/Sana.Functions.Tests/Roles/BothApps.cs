using Azure.Storage.Queues;
using Sana.Functions.Tests.Host;
using Sana.Functions.Tests.Infra;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>Both apps as they are deployed, each in its own process: one task hub, one queue, one place of blobs, and a small checkpoint on the processor.</summary>
[CollectionDefinition(Turns)]
public sealed class BothApps : IAsyncLifetime, ICollectionFixture<BothApps>
{
    public const string Turns = "both apps";

    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
    private Azurite _azurite = null!;

    internal string Connection => _azurite.Connection;

    internal string Checkpoint => _checkpoint.Folder;

    /// <value>The orchestrator's source of images, as requests name it too: <c>inbox</c>.</value>
    internal TempFolder Inbox { get; } = new();

    internal FunctionsHost Host { get; private set; } = null!;

    internal FunctionsWorker Orchestrator { get; private set; } = null!;

    internal FunctionsWorker Gpu { get; private set; } = null!;

    internal IBlobs Blobs { get; private set; } = null!;

    internal QueueClient Queue { get; private set; } = null!;

    internal IJobQueue Jobs { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _azurite = await Azurite.Start();
        Blobs = await BlobPlace.Parse(_azurite.Connection).Open(default);
        Queue = new QueueClient(_azurite.Connection, "sana-jobs");
        Jobs = await AzureJobQueue.Open(new QueueServiceClient(_azurite.Connection), "sana-jobs", Blobs, default);
        Host = await FunctionsHost.Start();
        Orchestrator = await Host.StartApp(Settings("orchestrator", SettingsTests.List("gpuFunctions")));
        Gpu = await Host.StartApp(Settings("gpu", SettingsTests.List("orchestratorFunctions"), ("Sana__Checkpoint", Checkpoint)));
        await Gpu.Wrote("renders");
        while (!await Blobs.Exists("work/model.json", default))
            await Task.Delay(20);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _azurite.DisposeAsync();
        _checkpoint.Dispose();
        Inbox.Dispose();
    }

    /// <summary>What an app of this role is told.</summary>
    internal IReadOnlyDictionary<string, string> Settings(string role, IEnumerable<string> disabled, params (string Name, string Value)[] more) => new Dictionary<string, string>(
        new[] { ("Sana__Role", role), ("Sana__Blobs", _azurite.Connection), ("Sana__Queue", "storage"), ("AzureWebJobsStorage", _azurite.Connection), ("Sana__CurationSource", Inbox.Path), ("WEBSITE_HOSTNAME", "func.example.net") }
            .Concat(disabled.Select(function => ($"AzureWebJobs_{function}_Disabled", "true")))
            .Concat(more)
            .Select(pair => KeyValuePair.Create(pair.Item1, pair.Item2)));

    /// <summary>Messages go to the gpu app until what is waited for has come.</summary>
    internal async Task Until(Func<Task<bool>> came)
    {
        var listener = new QueueListener(Queue, Gpu, "RenderFromStorageQueue");
        for (var begun = TimeProvider.System.GetTimestamp(); !await came();)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromMinutes(2), "It did not end in time.");
            if (!await listener.Turn())
                await Task.Delay(50);
        }
    }
}
