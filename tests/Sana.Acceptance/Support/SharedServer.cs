using Xunit;

namespace Sana.Acceptance.Support;

/// <summary>One server for all tests that leave it as they found it.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    internal SanaServer Server { get; private set; } = null!;

    internal WebhookReceiver Receiver { get; } = new();

    public async ValueTask InitializeAsync() => Server = await SanaServer.Start(new
    {
        webhook_secrets = new Dictionary<string, string> { ["default"] = SanaServer.WebhookSecret },
        webhook_ports = new[] { 80, 443, Receiver.Port },
        webhook_networks = new[] { "127.0.0.0/8" },
    });

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Receiver.Dispose();
    }
}

/// <summary>Tests that share the server.</summary>
[CollectionDefinition(Name)]
public sealed class ServedCollection : ICollectionFixture<SharedServer>
{
    /// <summary>The collection's name.</summary>
    public const string Name = "one server";
}
