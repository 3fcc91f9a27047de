using System.Data.Common;
using System.Globalization;
using Azure.Identity;
using DurableTask.AzureStorage;
using DurableTask.Core;
using DurableTask.Sqlite;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Sana.Jobs.Durable;

namespace Sana.Local.Hosting;

/// <summary>Microsoft's Durable engine in this process: on a journal of its own in the data folder, or on an Azure Storage account that several processes share.</summary>
internal sealed class DurableHost : IAsyncDisposable
{
    // A killed process holds its messages for this long; living ones renew theirs.
    private static readonly TimeSpan Visibility = TimeSpan.FromSeconds(30);

    private readonly LocalOptions _options;
    private readonly IOrchestrationService _service;
    private readonly DurableTaskClient _client;
    private ServiceProvider? _services;

    private DurableHost(LocalOptions options, IOrchestrationService service)
    {
        (_options, _service) = (options, service);
        Stopped = service is SqliteOrchestrationService sqlite ? sqlite.Stopped : new TaskCompletionSource().Task;
        _client = new OrchestrationServiceDurableTaskClient("sana", WorkflowJson.Converter, (IOrchestrationServiceClient)service);
        Client = new WorkflowClient(() => _client, isNewestFirst: service is SqliteOrchestrationService);
    }

    /// <summary>Starts, watches and steers the instances. Instances go on once <see cref="Start"/> was called.</summary>
    public WorkflowClient Client { get; }

    /// <summary>Ends when the journal cannot be written any more, with the exception that says why; or when the host is closed.</summary>
    public Task Stopped { get; }

    /// <summary>Why the journal cannot be written at present; null when it can, or when that is not known here.</summary>
    public string? Unavailable
    {
        get
        {
            if (_service is not SqliteOrchestrationService sqlite)
                return null;
            // Whoever asks is to know how it is, also when nothing was written for a while.
            sqlite.Probe();
            return sqlite.Unavailable?.Message;
        }
    }

    /// <exception cref="JournalDamagedException">The data folder's journal is damaged, or its newest part is missing.</exception>
    /// <exception cref="JournalException">Another process owns the data folder's journal, or it cannot be opened.</exception>
    /// <exception cref="SanaException">The place of the journal is not understood, or nothing answers there.</exception>
    public static async Task<DurableHost> Open(LocalOptions options)
    {
        return options.Journal == "sqlite" ? new DurableHost(options, OpenFile(options)) : await OpenShared(options);
    }

    private static SqliteOrchestrationService OpenFile(LocalOptions options)
    {
        try
        {
            return new SqliteOrchestrationService(new SqliteOrchestrationServiceSettings
            {
                Path = options.Data is { } data ? Path.Combine(Path.GetFullPath(data), "journal.db") : SqliteOrchestrationServiceSettings.InMemory,
                MaxConcurrentActivities = options.MaxParallelSteps,
                Retention = Timeout.InfiniteTimeSpan, // LocalHost forgets instances together with their blobs
                Clock = options.Clock,
                LoggerFactory = options.Logging,
            });
        }
        catch (JournalDamagedException damaged)
        {
            throw Named(damaged, options);
        }
    }

    private static JournalDamagedException Named(JournalDamagedException damaged, LocalOptions options) =>
        new($"{damaged.Message} sana journal check --data {options.Data} says more, and sana journal rescue --data {options.Data} brings out what can be read.");

    // A method of its own: the packages of Azure Storage are loaded where they are used.
    private static async Task<DurableHost> OpenShared(LocalOptions options)
    {
        var service = new AzureStorageOrchestrationService(Settings(options));
        try
        {
            await service.CreateIfNotExistsAsync();
        }
        catch (Exception error) when (IsStorage(error))
        {
            throw new SanaException($"The journal in the storage account cannot be opened: {error.Message.Split('\n')[0]} Check the place given with --journal and that it answers.", error);
        }

        return new DurableHost(options, service);
    }

    /// <summary>Goes on with what the journal holds.</summary>
    public async Task Start(TaskRegistry tasks)
    {
        var services = new ServiceCollection();
        services.AddSingleton(_options.Logging);
        services.AddDurableTaskWorker(worker => worker
            .AddTasks(registry => tasks.AddTo(registry, () => ActivityCancellation.Current))
            .Configure(settings => settings.DataConverter = WorkflowJson.Converter)
            .UseOrchestrationService(_ => new OrchestrationServiceOptions { Service = _service, Clock = _options.Clock }));
        _services = services.BuildServiceProvider();
        try
        {
            foreach (var worker in _services.GetServices<IHostedService>())
                await worker.StartAsync(CancellationToken.None);
        }
        catch (JournalDamagedException damaged)
        {
            throw Named(damaged, _options);
        }
    }

    /// <summary>Begins no further activity, lets the running ones end within some seconds, and gives the journal up.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_services is not null)
        {
            foreach (var worker in _services.GetServices<IHostedService>())
                await worker.StopAsync(CancellationToken.None);
            await _services.DisposeAsync();
        }

        if (_service is SqliteOrchestrationService sqlite)
            await sqlite.DisposeAsync();
    }

    private static AzureStorageOrchestrationServiceSettings Settings(LocalOptions options)
    {
        var (account, hub) = Account(options.Journal);
        return new AzureStorageOrchestrationServiceSettings
        {
            StorageAccountClientProvider = account,
            TaskHubName = hub,
            WorkerId = string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}-{Environment.ProcessId}"),
            WorkItemQueueVisibilityTimeout = Visibility,
            ControlQueueVisibilityTimeout = Visibility,
            MaxQueuePollingInterval = TimeSpan.FromSeconds(1),
            MaxConcurrentTaskActivityWorkItems = options.MaxParallelSteps,
            ExtendedSessionsEnabled = true,
            LoggerFactory = options.Logging,
        };
    }

    /// <summary><c>azurite[:hub]</c> · a storage connection string, with <c>;TaskHub=name</c> · <c>https://account.queue.core.windows.net[/hub]</c>, with the signed-in identity.</summary>
    private static (StorageAccountClientProvider Account, string Hub) Account(string place)
    {
        const string byDefault = "sana";
        try
        {
            if (place == "azurite" || place.StartsWith("azurite:", StringComparison.Ordinal))
                return (new StorageAccountClientProvider("UseDevelopmentStorage=true"), Checked(place == "azurite" ? byDefault : place["azurite:".Length..]));
            if (Uri.TryCreate(place, UriKind.Absolute, out var url) && url.Scheme == "https")
                return (new StorageAccountClientProvider(url.Host.Split('.')[0], new DefaultAzureCredential()), Checked(url.AbsolutePath.Trim('/') is { Length: > 0 } path ? path : byDefault));
            var parts = new DbConnectionStringBuilder { ConnectionString = place };
            var hub = parts.TryGetValue("TaskHub", out var given) ? (string)given : byDefault;
            var connection = string.Join(';', place.Split(';').Where(part => !part.TrimStart().StartsWith("TaskHub=", StringComparison.OrdinalIgnoreCase)));
            return (new StorageAccountClientProvider(connection), Checked(hub));
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            // The library's message may quote the key.
            throw new SanaException("The journal is none of sqlite, azurite[:hub], a storage connection string and https://account.queue.core.windows.net[/hub].");
        }
    }

    private static string Checked(string hub) => hub.Length is >= 3 and <= 45 && hub.All(char.IsAsciiLetterOrDigit) && char.IsAsciiLetter(hub[0])
        ? hub
        : throw new SanaException($"'{hub}' is not a task hub's name: 3…45 letters and digits, a letter first.");

    /// <summary>The library's own exception for storage is not public.</summary>
    private static bool IsStorage(Exception error) => error is Azure.RequestFailedException or AggregateException || error.GetType().Namespace == "DurableTask.AzureStorage.Storage";
}
