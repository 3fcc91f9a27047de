using System.CommandLine;
using Microsoft.Extensions.Logging;
using Sana.Jobs.Http;
using Sana.Local.Hosting;
using Sana.Local.Serve;

namespace Sana.Local.Commands;

/// <summary><c>sana serve</c>: the HTTP API, the status page, the schedules and the worker, in one process.</summary>
internal sealed class ServeCommand : Command
{
    private const string KeyVariable = "SANA_API_KEY";
    private const int MinThreads = 32;

    private readonly HostArguments _host = new();
    private readonly Option<string?> _urls = new("--urls") { Description = "Addresses to listen on, parted by semicolons. Default: http://127.0.0.1:8080.", HelpName = "addresses" };
    private readonly Option<string?> _apiKey = new("--api-key")
    {
        Description = $"Keys that open the API, parted by commas, 16 or more characters each. Needed beyond loopback. Default: the variable {KeyVariable}, which other users cannot see.",
        HelpName = "keys",
    };

    private readonly Option<string?> _publicUrl = new("--public-url")
    {
        Description = "Address under which the outside reaches this server through a proxy, such as https://images.example.org/sana; links are made with it. Default: public_url of sana.json.",
        HelpName = "address",
    };

    private readonly Option<int?> _maxQueue = CommonOptions.Number("--max-queue", "Jobs that may wait, 1…1000000; past that requests are answered 429. Default: 1000.", 1, 1_000_000);
    private readonly Option<int?> _wait = CommonOptions.Number(
        "--wait", "Seconds for which a request for images is held, 1…86400; after that it is answered 503, and without an Idempotency-Key its job is canceled. Default: 600.", 1, 86_400);

    private readonly Option<int?> _maxUpload = CommonOptions.Number("--max-upload", "MiB of a request that sends a picture, 1…128; past that it is answered 413. Default: 64.", 1, 128);
    private readonly Option<string?> _longPrompts = CommonOptions.LongPrompts("Requests may say long_prompts themselves.");
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Log what goes on, and not only what goes wrong. Default: off." };
    private readonly Option<bool> _json = CommonOptions.Json();

    public ServeCommand()
        : base("serve", "Answer over HTTP: OpenAI's images, jobs, batches, datasets, a status page at /. SIGTERM ends what is being rendered; what waits goes on at the next start.")
    {
        Option[] options = [.. _host.All, _urls, _publicUrl, _apiKey, _maxQueue, _wait, _maxUpload, _longPrompts, _verbose, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _host.ReadWithCheckpoint(parsed);
        HugePages.UseFor(options.Checkpoint);
        var config = WrongUseException.Unless(() => ServerFile.Read(options.Data));
        WrongUseException.Unless(config.Curation.Settings);
        var keys = WrongUseException.Unless(() => ApiKeys.Parse(parsed.GetValue(_apiKey) ?? Environment.GetEnvironmentVariable(KeyVariable)));
        var settings = WrongUseException.Unless(() => ServeSettings.Create(parsed.GetValue(_urls) ?? "http://127.0.0.1:8080", keys, config, parsed.GetValue(_publicUrl)));
        WrongUseException.Unless(() => DescriptorLimit.Connections(DescriptorLimit.Max));
        DescriptorLimit.Prepare(DescriptorLimit.Max);
        // Requests wait for flushes of the disk, and a render holds a thread: with one thread for each core, the others would wait half a second for the next one.
        ThreadPool.SetMinThreads(MinThreads, MinThreads);
        using var logging = ServeLogs.Factory(parsed.GetValue(_verbose) ? LogLevel.Information : LogLevel.Warning);
        await using var server = await Server.Start(options with { Config = config, Logging = logging }, settings, parts => Limits(parts, parsed), cancellationToken);
        Report(server, settings, parsed.GetValue(_json));
        await server.Run(cancellationToken);
        return ExitCode.Done;
    }

    private ApiParts Limits(ApiParts parts, ParseResult parsed) => parts with
    {
        MaxQueued = parsed.GetValue(_maxQueue) ?? 1000,
        ImagesTimeout = TimeSpan.FromSeconds(parsed.GetValue(_wait) ?? 600),
        ImagesTimeoutSetting = _wait.Name,
        MaxUpload = (long)(parsed.GetValue(_maxUpload) ?? (ApiParts.DefaultUpload >> 20)) << 20,
        RefusesLongPrompts = parsed.GetValue(_longPrompts) == "refuse",
    };

    private static void Report(Server server, ServeSettings settings, bool json)
    {
        var page = settings.ClientAddress(server.Urls);
        var report = new ServeReport([.. server.Urls.Select(url => url.GetLeftPart(UriPartial.Authority))], server.Place, $"{page}v1", $"{page}", !settings.Keys.IsOpen);
        if (json)
        {
            Reports.WriteJson(report, Reports.Json.ServeReport);
            return;
        }

        Console.WriteLine($"Base URL for clients: {report.BaseUrl}");
        Console.WriteLine($"Page:                 {report.Page}");
        Console.WriteLine($"Key:                  {(report.KeyRequired ? "asked for, as Authorization: Bearer <key>" : "none is asked for")}");
        Console.WriteLine($"Listening on {string.Join(", ", report.Urls)}; images go to {server.Place}.");
    }
}
