using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

// What a run writes, in the order of the fields in the files. Numbers and field order are fixed, so equal values are equal bytes.

/// <summary><c>config.json</c>: what decides a run, and the name of its checkpoint, which does not. SHA-256 of all but that name is the run's identity.</summary>
internal sealed record RunConfig(
    string Schema, ModelRecord Model, SettingsRecord Settings, ulong Seed, int Images, int BatchSize, OutputRecord Output, string Device, PromptsRecord Prompts)
{
    /// <value>Adapters that rows of the prompts name, by name; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LoraRecord>? LoraOfRows { get; init; }

    /// <value>Hashes of the pictures that the control network reads beside the one of the settings; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? FurtherControlImages { get; init; }

    /// <value>Who judges every image, and the limits; null, and then not written, for nobody. The model's fingerprint is of it too.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GateCard? Gate { get; init; }

    /// <value>Candidates of each image, and how judges choose; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BestOf? BestOf { get; init; }
}

internal sealed record ModelRecord(string Name, string Fingerprint)
{
    /// <value><c>w8a8</c> or <c>mixed</c>; null, and then not written, in float32.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Precision { get; init; }

    /// <value>Name of another decoder than the checkpoint's own; null, and then not written, for that. The fingerprint is of both.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Decoder { get; init; }

    public static ModelRecord Of(IModel model) => new(model.ModelName, model.Fingerprint) { Precision = model.Precision == "float32" ? null : model.Precision, Decoder = model.Decoder };
}

internal sealed record SettingsRecord(
    int? Width, int? Height, int? Steps, float GuidanceScale, string NegativePrompt, string? Solver, bool ResolutionBinning, bool Instruction)
{
    /// <value>Whether images are made from enhanced prompts; not written where they are not.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool EnhancePrompt { get; init; }

    /// <value><c>refuse</c>; null, and then not written, where long prompts are cut.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LongPrompts { get; init; }

    /// <value>Adapters; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LoraRecord>? Lora { get; init; }

    /// <value>Perturbed-attention guidance; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PagRecord? Pag { get; init; }

    /// <value>The image that it begins from; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public StartImageRecord? StartImage { get; init; }

    /// <value>The control network and the picture that it reads; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ControlRecord? Control { get; init; }

    /// <summary>Whether images made with either are the same. The names of adapters and control networks do not matter, as in a run's identity: their hashes do.</summary>
    public bool MakesTheSame(SettingsRecord other) =>
        this with { Lora = null, Pag = null, Control = Control?.Nameless } == other with { Lora = null, Pag = null, Control = other.Control?.Nameless }
        && (Lora ?? []).Select(use => (use.Sha256, use.Weight)).SequenceEqual((other.Lora ?? []).Select(use => (use.Sha256, use.Weight)))
        && (Pag?.Scale, Pag?.AdaptiveScale) == (other.Pag?.Scale, other.Pag?.AdaptiveScale)
        && (Pag?.Layers ?? []).SequenceEqual(other.Pag?.Layers ?? []);
}

/// <summary>An adapter that an image was made with: the hash of its file decides.</summary>
internal sealed record LoraRecord(string Name, string? Sha256, float Weight);

/// <summary>A control network that an image was made with: its fingerprint decides; and hash and size of the picture that it read.</summary>
internal sealed record ControlRecord(string Name, string? Fingerprint, float Scale, string ImageSha256, int ImageWidth, int ImageHeight)
{
    /// <summary>What decides.</summary>
    [JsonIgnore]
    public ControlRecord Nameless => this with { Name = "" };
}

/// <summary>Perturbed-attention guidance that an image was made with.</summary>
internal sealed record PagRecord(float Scale, float AdaptiveScale, IReadOnlyList<int> Layers);

/// <summary>The image that an image begins from: hashes and size of the files, and the strength.</summary>
internal sealed record StartImageRecord(string Sha256, int Width, int Height, double? Strength)
{
    /// <value>Null, and then not written, where everything may be painted over.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MaskSha256 { get; init; }
}

internal sealed record OutputRecord(string Format, int? Quality);

internal sealed record PromptsRecord(string Sha256);

/// <summary>Beside each image, and in its place when it failed: how it was made. Its presence says that the image is settled.</summary>
internal sealed record ImageRecord(
    string Schema,
    string RunId,
    string BatchId,
    string JobId,
    long Row,
    string? Id,
    int Index,
    ulong Seed,
    string Prompt,
    SettingsRecord Settings,
    string Device,
    ModelRecord Model,
    string Status,
    string? Reason,
    IReadOnlyList<string> Flags,
    FileRecord? Image)
{
    /// <value>The enhanced prompt, which the image is made from; null, and then not written, where prompts are not enhanced, or this one is outside a limit.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RevisedPrompt { get; init; }

    /// <value>What each judge says of the image; null, and then not written, where nobody judges.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ImageScore>? Scores { get; init; }

    /// <value>Among how many candidates it stood, and how judges chose; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BestOf? BestOf { get; init; }

    /// <value>Which limit it is outside of; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }

    /// <value>The image outside a limit, where such images are kept; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FileRecord? Quarantined { get; init; }
}

internal sealed record FileRecord(string Name, string Sha256, long Bytes, int Width, int Height);

/// <summary>One line of <c>outcomes/*.jsonl</c>: an image, or a row that was left out.</summary>
internal sealed record OutcomeRecord(
    long Row, string? Id, string? JobId, int? Index, ulong? Seed, string Status, string? Reason, string? Message, IReadOnlyList<string> Flags, FileRecord? Image)
{
    /// <inheritdoc cref="ImageRecord.RevisedPrompt"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RevisedPrompt { get; init; }

    /// <inheritdoc cref="ImageRecord.Scores"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ImageScore>? Scores { get; init; }

    /// <inheritdoc cref="ImageRecord.Quarantined"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FileRecord? Quarantined { get; init; }

    /// <summary>Whether the batch was given up: an image that failed has no message unless its judges give one, beside their scores.</summary>
    [JsonIgnore]
    public bool IsLost => this is { Status: OutcomeStatus.Failed, Message: not null, Scores: null };

    public static OutcomeRecord Of(ImageRecord image) =>
        new(image.Row, image.Id, image.JobId, image.Index, image.Seed, image.Status, image.Reason, image.Message, image.Flags, image.Image) { RevisedPrompt = image.RevisedPrompt, Scores = image.Scores, Quarantined = image.Quarantined };

    public static OutcomeRecord Of(RejectedRow row) =>
        new(row.Row, null, null, null, null, OutcomeStatus.Rejected, row.Rejection.Reason, row.Rejection.Message, [], null);

    /// <summary>An image whose batch was given up.</summary>
    public static OutcomeRecord Lost(PlannedImage image, BatchFailure failure) =>
        new(image.Row, image.Id, image.Job, image.Request.Index, image.Request.Seed, OutcomeStatus.Failed, failure.Reason, failure.Message, [], null);
}

/// <summary><c>manifest.json</c>, written last: its presence says that the run is complete. Each image's SHA-256 is in the outcome lists, whose own are here.</summary>
internal sealed record RunManifest(
    string Schema,
    string RunId,
    string Tool,
    string ConfigSha256,
    RunConfig Config,
    IReadOnlyDictionary<string, long> Status,
    IReadOnlyDictionary<string, long> Reasons,
    IReadOnlyList<OutcomeListRecord> Outcomes);

internal sealed record OutcomeListRecord(string Name, string Sha256, long Bytes, int Rows);

/// <summary><c>timings/*.json</c>: seconds of each stage of one batch.</summary>
internal sealed record TimingsRecord(
    string Schema, string RunId, string BatchId, int Images, double Text, double Denoise, double Decode, double Encode, double Total, DateTimeOffset Finished, string Device, string Machine);

/// <summary><c>work/…/failures/*.json</c>: why a batch was given up. Its images' records count for more: the batch may have been made since.</summary>
internal sealed record BatchFailure(string Batch, string Reason, string Message);

/// <summary>The statuses of an outcome.</summary>
internal static class OutcomeStatus
{
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Rejected = "rejected";

    /// <summary>A candidate of an image for which others were chosen; the reason too.</summary>
    public const string NotKept = "not_kept";
}

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RunConfig))]
[JsonSerializable(typeof(ImageRecord))]
[JsonSerializable(typeof(OutcomeRecord))]
[JsonSerializable(typeof(RunManifest))]
[JsonSerializable(typeof(TimingsRecord))]
[JsonSerializable(typeof(BatchFailure))]
internal sealed partial class RunJson : JsonSerializerContext
{
    /// <summary>Prompts stay readable: files are no web pages, and the strict encoder would write every letter beyond ASCII as an escape.</summary>
    public static RunJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
