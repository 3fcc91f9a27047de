using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Jobs.Worker;

namespace Sana.Local.Hosting;

/// <summary>What runs on one data folder.</summary>
public sealed record LocalOptions
{
    /// <value>Folder of journal and queue, with <c>sana.json</c> where there is one; made when missing. One process owns it at a time. Null keeps both in memory, for a command whose outputs say what is done.</value>
    public required string? Data { get; init; }

    /// <value>Where outputs go: a folder, <c>azurite[:container[/prefix]]</c>, a connection string or an https address. Default: the folder <c>blobs</c> in the data folder.</value>
    public string? Blobs { get; init; }

    /// <value>Folder of the checkpoint that the worker renders with. Default none: no worker, and runs wait until there is one.</value>
    public string? Checkpoint { get; init; }

    /// <value>cpu, cuda or cuda:N. Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <value><c>sqlite</c>, <c>azurite[:queue]</c>, a connection string, with <c>;Queue=name</c> for another queue than <c>sana-jobs</c>, or an https address. Default sqlite.</value>
    public string Queue { get; init; } = "sqlite";

    /// <value>Where instances are kept: <c>sqlite</c>, in the data folder, for one process; or a storage account that several processes share: <c>azurite[:hub]</c>, a connection string with <c>;TaskHub=name</c> for another hub than <c>sana</c>, or an https address. Default sqlite.</value>
    public string Journal { get; init; } = "sqlite";

    /// <value>Activities that run at once, 0…10,000. Default 32.</value>
    public int MaxParallelSteps { get; init; } = 32;

    /// <value>How the worker treats its messages; its device is taken from <see cref="Device"/>.</value>
    public RenderWorkerOptions Worker { get; init; } = new();

    /// <value>Networks that downloads of a manifest's URLs may reach although they are not public, beside those of <c>sana.json</c>. Default none.</value>
    public IReadOnlyList<IPNetwork> DownloadNetworks { get; init; } = [];

    /// <value>Where everything writes its log. Default nowhere.</value>
    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;

    /// <value>The clock of timers, holds and time stamps. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
