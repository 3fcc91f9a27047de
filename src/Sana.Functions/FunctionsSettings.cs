using System.Globalization;
using Microsoft.Extensions.Configuration;
using Sana.Inference.Diffusion;
using Sana.Jobs;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;

namespace Sana.Functions;

/// <summary>What an app is told, as app settings: <c>Sana__Name</c> in the environment, <c>Sana:Name</c> in local.settings.json.</summary>
public sealed record FunctionsSettings
{
    /// <value><c>orchestrator</c>, <c>gpu</c> or <c>both</c>. Default both, for one machine.</value>
    public string Role { get; init; } = "both";

    /// <value>Where outputs go, as <c>sana</c> takes it. Default Azurite.</value>
    public string Blobs { get; init; } = "azurite";

    /// <value>The queue to the GPU: <c>servicebus</c> or <c>storage</c>. Default storage.</value>
    public string Queue { get; init; } = "storage";

    /// <value>cpu, cuda or cuda:N. Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <value>Of the gpu role: what the networks compute in: auto, float32, w8a8 (processors) or mixed (GPUs). Default auto: mixed on a GPU, float32 on a processor.</value>
    public string Precision { get; init; } = "auto";

    /// <value>Of the gpu role: folder of the checkpoint, or a repository of the Hub, <c>owner/name[@revision]</c>.</value>
    public string? Checkpoint { get; init; }

    /// <value>Of the gpu role: the place of blobs that the folder is filled from. Default none: the folder is there.</value>
    public string? Weights { get; init; }

    /// <value>Of the gpu role: folder of an autoencoder, or a repository of the Hub, whose decoder takes the place of the checkpoint's own. Default none.</value>
    public string? Decoder { get; init; }

    /// <value>Of the gpu role: place of blobs with adapters (LoRA) that images may be asked for with; each .safetensors file, and each folder with one, is asked for by its name. Default none.</value>
    public string? Loras { get; init; }

    /// <value>Of the gpu role: place of blobs with control networks that images may be asked for with; each folder is asked for by its name. Default none.</value>
    public string? Controls { get; init; }

    /// <value>Of the gpu role: who judges every image before it is written: a list as <c>judges</c> of <c>captioners.json</c>, or the path of such a file. Default nobody.</value>
    public string? Judges { get; init; }

    /// <value>Of the gpu role: what becomes of an image outside a limit of a judge: <c>withhold</c>, or <c>quarantine</c>, which keeps it under <c>quarantine/</c>. Default withhold.</value>
    public string? OutsideLimits { get; init; }

    /// <value>Days for which instances, results and work in progress are kept, 1…36,500; 0 keeps everything. Default 30.</value>
    public int RetentionDays { get; init; } = Retention.DefaultDays;

    /// <value>Of the orchestrator: MiB of a request that sends a picture, 1…128. Default 64.</value>
    public int MaxUpload { get; init; } = (int)(ApiParts.DefaultUpload >> 20);

    /// <value>Of the orchestrator: place of images that the schedule curates. Default none.</value>
    public string? CurationSource { get; init; }

    /// <value>Of the orchestrator: the dataset that it curates them into. Default <c>inbox</c>.</value>
    public string CurationDataset { get; init; } = "inbox";

    /// <value>Of the orchestrator: the place of blobs whose folders hold networks of curation, CLIP and captioners. Default none: their folders are there.</value>
    public string? CurationWeights { get; init; }

    /// <value>Of the orchestrator: resource id of the Service Bus queue, by which its length is asked.</value>
    public string? QueueResource { get; init; }

    /// <value>Setting <c>CurationCron</c>: when it curates, NCRONTAB, UTC.</value>
    public string CurationCron { get; init; } = "0 0 2 * * *";

    /// <value>Setting <c>ServiceBus</c>, which the trigger reads too: a connection string, where there is one, such as the emulator's.</value>
    public string? ServiceBus { get; init; }

    /// <value>Setting <c>ServiceBus:fullyQualifiedNamespace</c>, which the trigger reads too.</value>
    public string? ServiceBusNamespace { get; init; }

    /// <value>Setting <c>AzureWebJobsStorage</c>: a connection string, where there is one.</value>
    public string? HostStorage { get; init; }

    /// <value>Setting <c>AzureWebJobsStorage:accountName</c>.</value>
    public string? HostAccount { get; init; }

    /// <value><c>WEBSITE_HOSTNAME</c>, which the platform and Core Tools set: the app's name in URLs. The host hands requests on to this process under a name of its own.</value>
    public string? Hostname { get; init; }

    /// <value>The address under which the outside reaches the app, where that is not its own name: a domain, Front Door, API Management. Links are made with it. Default <see cref="Hostname"/>.</value>
    public PublicAddress? PublicUrl { get; init; }

    /// <value>This app renders.</value>
    public bool IsGpu => Role is "gpu" or "both";

    /// <value>This app orchestrates.</value>
    public bool IsOrchestrator => Role is "orchestrator" or "both";

    /// <summary>Reads and checks the settings.</summary>
    /// <exception cref="SanaException">One is missing or is none of its values.</exception>
    public static FunctionsSettings Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection("Sana");
        var plain = new FunctionsSettings();
        var settings = new FunctionsSettings
        {
            Role = section["Role"] ?? plain.Role,
            Blobs = section["Blobs"] ?? plain.Blobs,
            Queue = section["Queue"] ?? plain.Queue,
            Device = section["Device"] ?? plain.Device,
            Precision = Given(section["Precision"]) ?? plain.Precision,
            Checkpoint = Given(section["Checkpoint"]),
            Weights = Given(section["Weights"]),
            Decoder = Given(section["Decoder"]),
            Loras = Given(section["Loras"]),
            Controls = Given(section["Controls"]),
            Judges = Given(section["Judges"]),
            OutsideLimits = Given(section["OutsideLimits"]),
            CurationSource = Given(section["CurationSource"]),
            CurationDataset = Given(section["CurationDataset"]) ?? plain.CurationDataset,
            CurationWeights = Given(section["CurationWeights"]),
            QueueResource = Given(section["QueueResource"]),
            RetentionDays = Whole("Sana__RetentionDays", section["RetentionDays"], $"days in 1…{Retention.MostDays}, or 0 to keep everything") ?? plain.RetentionDays,
            MaxUpload = Whole("Sana__MaxUpload", section["MaxUpload"], "MiB in 1…128") ?? plain.MaxUpload,
            CurationCron = configuration["CurationCron"] ?? plain.CurationCron,
            ServiceBus = Given(configuration["ServiceBus"]),
            ServiceBusNamespace = Given(configuration["ServiceBus:fullyQualifiedNamespace"]),
            HostStorage = Given(configuration["AzureWebJobsStorage"]),
            HostAccount = Given(configuration["AzureWebJobsStorage:accountName"]),
            Hostname = Given(configuration["WEBSITE_HOSTNAME"]),
            PublicUrl = PublicAddress.Parse(Given(section["PublicUrl"]), "Sana__PublicUrl"),
        };
        settings.Check();
        return settings;
    }

    private void Check()
    {
        if (!IsGpu && !IsOrchestrator)
            throw new SanaException($"Sana__Role is '{Role}'; use orchestrator, gpu or both.");
        if (Queue is not ("servicebus" or "storage"))
            throw new SanaException($"Sana__Queue is '{Queue}'; use servicebus or storage.");
        if (Queue == "servicebus" && ServiceBus is null && ServiceBusNamespace is null)
            throw new SanaException("Sana__Queue is servicebus: set ServiceBus or ServiceBus__fullyQualifiedNamespace too.");
        if (Queue == "storage" && HostStorage is null && HostAccount is null)
            throw new SanaException("Sana__Queue is storage: set AzureWebJobsStorage or AzureWebJobsStorage__accountName too.");
        if (!PrecisionName.All.Contains(Precision))
            throw new SanaException($"Sana__Precision is '{Precision}'; use {string.Join(", ", PrecisionName.All.SkipLast(1))} or {PrecisionName.All[^1]}.");
        _ = GateConfig.Checked(OutsideLimits, "Sana__OutsideLimits");
        _ = IsGpu ? Gate() : null;
        _ = Retention.Days(RetentionDays, "Sana__RetentionDays");
        if (MaxUpload is < 1 || (long)MaxUpload << 20 > ApiParts.MostUpload)
            throw new SanaException($"Sana__MaxUpload is {MaxUpload}; give MiB in 1…{ApiParts.MostUpload >> 20}.");
        if (Role == "gpu" && Checkpoint is null)
            throw new SanaException("Sana__Role is gpu: set Sana__Checkpoint to the folder of the weights, or to a repository of the Hugging Face Hub as owner/name.");
    }

    /// <summary>The judges of images; null for nobody.</summary>
    /// <exception cref="SanaException">A value cannot be used.</exception>
    internal GateConfig? Gate() => Judges is { } judges ? GateConfig.Parse(judges, "Sana__Judges", OutsideLimits) : null;

    private static int? Whole(string name, string? text, string what) => Given(text) is not { } given ? null : int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        ? number
        : throw new SanaException($"{name} is '{given}'; give {what}.");

    private static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
