using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;
using Sana.Jobs;
using Sana.Jobs.Curation;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Storage.Net;

namespace Sana.Local.Hosting;

/// <summary><c>sana.json</c> in the data folder: what outlives one start of <c>sana serve</c>. A missing file is an empty one.</summary>
internal sealed record ServerFile
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <value>Secrets that may sign webhooks, by name. Jobs name one, or get <c>default</c>.</value>
    public IReadOnlyDictionary<string, string> WebhookSecrets { get; init; } = new Dictionary<string, string>();

    /// <value>Ports that webhooks may have. Default 80 and 443.</value>
    public IReadOnlyList<int> WebhookPorts { get; init; } = [80, 443];

    /// <value>Networks that webhooks may reach although they are not public, such as <c>10.1.0.0/16</c>. Default none.</value>
    public IReadOnlyList<string> WebhookNetworks { get; init; } = [];

    /// <value>Folders or places that curation may read, by the name under which the API asks for them.</value>
    public IReadOnlyDictionary<string, string> Sources { get; init; } = new Dictionary<string, string>();

    /// <value>Adapters (LoRA) that images may be asked for with, by name: a .safetensors file or a folder that holds one, from the data folder, or <c>owner/name[@revision]</c> of the Hub. Default none.</value>
    public IReadOnlyDictionary<string, string> Loras { get; init; } = new Dictionary<string, string>();

    /// <value>Control networks that images may be asked for with, by name: a folder, from the data folder, or <c>owner/name[@revision]</c> of the Hub. Default none.</value>
    public IReadOnlyDictionary<string, string> Controls { get; init; } = new Dictionary<string, string>();

    /// <value>Who judges every image before it is written: a list as <c>judges</c> of <c>captioners.json</c>, or the path of such a file, from the data folder. Default nobody.</value>
    public JsonElement? Judges { get; init; }

    /// <value>What becomes of an image outside a limit of a judge: <c>withhold</c>, or <c>quarantine</c>, which keeps it under <c>quarantine/</c>. Default withhold.</value>
    public string? OutsideLimits { get; init; }

    /// <value>How datasets are made. Default: nobody captions.</value>
    public CurationConfig Curation { get; init; } = new();

    /// <value>What text encoder and transformer compute in, where no command says it: auto, float32, w8a8 or mixed. Default: as the last command said, or auto.</value>
    public string? Precision { get; init; }

    /// <value>Names of this server in requests; others are refused. Default the loopback names, or any beyond loopback.</value>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <value>Days for which instances, results with the images of their jobs, timings, dead letters and work in progress are kept, 1…36,500; 0 keeps everything. Default 30.</value>
    public int RetentionDays { get; init; } = Retention.DefaultDays;

    /// <value>Images that one batch may ask for, over its prompts, seeds and images, 1…100,000,000. Default 1,000,000.</value>
    public long MaxBatchImages { get; init; } = 1_000_000;

    /// <value>MiB of one uploaded file of a batch, 1…2,000. Default 200.</value>
    public long MaxFileMb { get; init; } = 200;

    /// <value>The address under which the outside reaches this server through a proxy, such as <c>https://images.example.org/sana</c>, without <c>/v1</c>. Links are made with it. Default: as each request came.</value>
    public string? PublicUrl { get; init; }

    /// <value>Proxies whose forwarded headers are believed: addresses, or networks such as <c>10.1.0.0/16</c>. Default none.</value>
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];

    /// <value>Which headers they send: <c>x-forwarded</c> (X-Forwarded-Proto, -Host, -Prefix) or <c>forwarded</c> (RFC 7239). Default x-forwarded.</value>
    public string ForwardedHeaders { get; init; } = "x-forwarded";

    /// <value>Origins of web apps whose scripts may use the API, such as <c>https://app.example.org</c>. Default none.</value>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <value>Runs that start by the clock.</value>
    public IReadOnlyList<ScheduledRun> Schedules { get; init; } = [];

    /// <summary>The keys of the secrets.</summary>
    public IReadOnlyDictionary<string, byte[]> SecretKeys() => WebhookSecrets.ToDictionary(secret => secret.Key, secret => WebhookSignature.Key(secret.Value));

    /// <summary>Which URLs webhooks may have.</summary>
    public UrlRules UrlRules() => new() { Ports = WebhookPorts, Networks = [.. WebhookNetworks.Select(text => Network(text, "webhook_networks"))] };

    /// <summary>The networks of the trusted proxies.</summary>
    public IReadOnlyList<IPNetwork> ProxyNetworks() =>
        [.. TrustedProxies.Select(text => IPAddress.TryParse(text, out var one) ? new IPNetwork(one, one.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) : Network(text, "trusted_proxies"))];

    /// <summary>The origins as browsers write them.</summary>
    public IReadOnlyList<string> Origins() => [.. CorsOrigins.Select(Origin)];

    /// <exception cref="SanaException">The file is there and cannot be used.</exception>
    public static ServerFile Read(string? dataFolder)
    {
        var path = Path.Combine(dataFolder ?? "", "sana.json");
        if (dataFolder is null || !File.Exists(path))
            return new ServerFile();
        try
        {
            var config = JsonSerializer.Deserialize<ServerFile>(File.ReadAllBytes(path), Json) ?? new ServerFile();
            var folder = Path.GetFullPath(dataFolder);
            config = config with { Curation = config.Curation.Under(folder), Loras = Under(folder, config.Loras), Controls = Under(folder, config.Controls), Judges = config.JudgesUnder(folder) };
            config.Check();
            return config;
        }
        catch (SanaException error)
        {
            throw new SanaException($"{path} cannot be used: {error.Message}", error);
        }
        catch (JsonException error)
        {
            throw new SanaException($"{path} cannot be used: {error.Path ?? "it"} is unknown or of another type (line {error.LineNumber + 1}).", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SanaException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The judges of images; null for nobody.</summary>
    /// <param name="outside">What becomes of an image outside a limit, where a command says it.</param>
    /// <exception cref="SanaException">A value cannot be used.</exception>
    public GateConfig? Gate(string? outside) => Judges switch
    {
        null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Array } list => GateConfig.Parse(list.GetRawText(), "judges of sana.json", outside ?? OutsideLimits),
        { ValueKind: JsonValueKind.String } path => GateConfig.Load(path.GetString()!, outside ?? OutsideLimits),
        _ => throw new SanaException("judges of sana.json takes a list of judges, or the path of a file that has one."),
    };

    private JsonElement? JudgesUnder(string folder) => Judges is { ValueKind: JsonValueKind.String } path && !Path.Exists(path.GetString())
        ? JsonSerializer.SerializeToElement(Path.Combine(folder, path.GetString()!))
        : Judges;

    private static Dictionary<string, string> Under(string folder, IReadOnlyDictionary<string, string> places) =>
        places.ToDictionary(place => place.Key, place => Path.Combine(folder, place.Value) is var path && Path.Exists(path) ? path : place.Value, StringComparer.Ordinal);

    private void Check()
    {
        LoraPlace.CheckNames(Loras.Keys);
        if (Loras.FirstOrDefault(lora => LoraPlace.Fault(lora.Value) is not null) is { Key: { } lost } entry)
            throw new SanaException($"loras.{lost}: {LoraPlace.Fault(entry.Value)}");
        LoraPlace.CheckNames(Controls.Keys, "a control network");
        if (Controls.FirstOrDefault(control => ControlPlace.Fault(control.Value) is not null) is { Key: { } gone } named)
            throw new SanaException($"controls.{gone}: {ControlPlace.Fault(named.Value)}");
        _ = GateConfig.Checked(OutsideLimits, "outside_limits of sana.json");
        _ = Gate(outside: null);
        _ = SecretKeys();
        _ = UrlRules();
        if (MaxBatchImages is < 1 or > 100_000_000)
            throw new SanaException($"max_batch_images of sana.json is {MaxBatchImages}; give 1…100000000.");
        if (MaxFileMb is < 1 or > 2000)
            throw new SanaException($"max_file_mb of sana.json is {MaxFileMb}; give 1…2000.");
        _ = Retention.Days(RetentionDays, "retention_days of sana.json");
        if (Precision is { } precision && !PrecisionName.All.Contains(precision))
            throw new SanaException($"precision of sana.json is '{precision}'; use {string.Join(", ", PrecisionName.All.SkipLast(1))} or {PrecisionName.All[^1]}.");
        _ = Curation.DownloadNetworks();
        _ = Origins();
        var (address, proxies) = (PublicAddress.Parse(PublicUrl, "public_url"), ProxyNetworks());
        if (address is not null && proxies.Count > 0)
            throw new SanaException("sana.json has public_url and trusted_proxies, and both say how the outside calls this server; keep one of them.");
        if (ForwardedHeaders is not ("x-forwarded" or "forwarded"))
            throw new SanaException($"forwarded_headers is '{ForwardedHeaders}'; use x-forwarded or forwarded.");
        foreach (var run in Schedules)
            run.Check();
        if (Schedules.GroupBy(run => run.Schedule.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new SanaException($"sana.json has two schedules '{twice.Key}'; give each a name of its own.");
    }

    private static IPNetwork Network(string text, string setting) => Storage.Net.UrlRules.TryNetwork(text, out var network)
        ? network
        : throw new SanaException($"'{text}' in {setting} of sana.json is not a network such as 10.1.0.0/16.");

    private static string Origin(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { PathAndQuery: "/" or "", Fragment: "", UserInfo: "", Host.Length: > 0 }
        ? url.GetLeftPart(UriPartial.Authority)
        : throw new SanaException($"'{text}' in cors_origins of sana.json is not an origin such as https://app.example.org; name each web app.");
}
