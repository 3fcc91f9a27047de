using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

// Bodies of the native API for whole runs, snake_case.

/// <summary>Asks for a batch: <c>POST /v1/batches</c>, <c>PUT /v1/batches/{id}</c>.</summary>
/// <param name="Prompts">1…100,000 texts, or objects with the fields of a line of <c>prompts.jsonl</c>.</param>
public sealed record BatchRequest(IReadOnlyList<JsonElement> Prompts)
{
    /// <value>One seed for each prompt with <c>zip</c>, all of them for every prompt with <c>product</c>. Default [0].</value>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <value><c>product</c> or <c>zip</c>. Default product.</value>
    public string? Combine { get; init; }

    /// <value>What rows without their own values take.</value>
    public BatchSettings? Settings { get; init; }
}

/// <summary>The options of a batch; null takes what <c>sana generate</c> takes.</summary>
public sealed record BatchSettings(
    int? Width = null,
    int? Height = null,
    int? Steps = null,
    float? GuidanceScale = null,
    string? NegativePrompt = null,
    int? Images = null,
    int? BatchSize = null,
    string? Format = null,
    int? Quality = null)
{
    /// <value>Let the checkpoint's own text encoder write a more detailed prompt of each, and make the images from that. Default false.</value>
    public bool? EnhancePrompt { get; init; }

    /// <value><c>cut</c> prompts of more tokens than the network reads and flag their images, or <c>refuse</c> them. Default what the server was started with, cut.</value>
    public string? LongPrompts { get; init; }

    /// <value>Adapters by the names that the server gives them, of prompts that name none themselves. Default none.</value>
    public IReadOnlyList<AdapterUse>? Lora { get; init; }

    /// <value>Perturbed-attention guidance: <c>scale</c>, <c>adaptive_scale</c> (0) and <c>layers</c> (the checkpoint's own). Not for Sprint checkpoints. Default none.</value>
    public PerturbedAttention? Pag { get; init; }

    /// <value>A control network by the name that the server gives it, its scale (0…100, 1 by default), and its image by the SHA-256 of a file that the server has. Default none.</value>
    public ControlUse? Control { get; init; }

    /// <value>Further pictures that the control network reads, at most 64, each by its SHA-256: each prompt is drawn along each of them too, with the same seeds. Default none.</value>
    public IReadOnlyList<ControlImage>? ControlImages { get; init; }

    /// <value>Candidates of each image, of which the server's judges keep the best. Default none.</value>
    public BestOf? BestOf { get; init; }
}

/// <summary>Asks for a curation run: <c>POST /v1/datasets/{name}/runs</c>.</summary>
/// <param name="Source">Name of a source that the server's configuration lists.</param>
/// <param name="Version">1…32 of a-z, 0-9, dots and hyphens. Default v1. The same name and version is the same run.</param>
/// <param name="ItemsPerShard">1…10,000. Default 1,000.</param>
/// <param name="Since">A finished version: what it and those before it hold is left out. Default none.</param>
/// <param name="Sample">Only so many items, spread over the source. Default all.</param>
/// <param name="Tau">Temperature of the selection. Default the server's.</param>
/// <param name="Threshold">Score from which a caption takes part in the draw. Default the server's.</param>
/// <param name="Seed">Of the draw. Default the server's.</param>
public sealed record CurationRequest(
    string Source, string Version = "v1", int ItemsPerShard = 1000, string? Since = null, int? Sample = null, double? Tau = null, double? Threshold = null, ulong? Seed = null);

/// <summary>A batch or a curation run as it stands.</summary>
public sealed record RunView
{
    /// <summary>The batch's id, or the dataset's version.</summary>
    public required string Id { get; init; }

    /// <summary><c>queued</c>, <c>processing</c>, <c>suspended</c>, <c>succeeded</c>, <c>failed</c> or <c>canceled</c>.</summary>
    public required string Status { get; init; }

    /// <value>Items done of all, while it runs.</value>
    public RunStatus? Progress { get; init; }

    /// <value>Items that came out, once it has ended.</value>
    public long? Succeeded { get; init; }

    /// <value>Items that were tried and failed, once it has ended.</value>
    public long? Failed { get; init; }

    /// <value>Items that were left out, once it has ended.</value>
    public long? Rejected { get; init; }

    /// <value>Images of a batch whose prompt was cut at what the network reads, once it has ended; null for none.</value>
    public long? Cut { get; init; }

    /// <value>Candidates for which others were chosen; they are none of the counts above. Null without any.</value>
    public long? NotKept { get; init; }

    /// <value>How often each reason code occurs among them.</value>
    public IReadOnlyDictionary<string, long>? Reasons { get; init; }

    /// <value>Name of the manifest, once it has ended.</value>
    public string? Manifest { get; init; }

    /// <value>Name of the report page of a dataset, once it has ended.</value>
    public string? Report { get; init; }

    /// <value>Why it could not go on.</value>
    public string? Error { get; init; }

    /// <summary>When it was started.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When something was last recorded.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Where this is found again.</summary>
    public required string Url { get; init; }
}

/// <summary>A page of batches, newest first.</summary>
/// <param name="Batches">Those of prompts.</param>
/// <param name="Data">Those of uploaded files, as OpenAI's clients list them.</param>
/// <param name="HasMore">There are further ones of uploaded files: ask with <c>after</c>.</param>
public sealed record BatchPage(IReadOnlyList<RunView> Batches, IReadOnlyList<UploadedBatch> Data, bool HasMore)
{
    /// <value>Always list.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "list";

    /// <value>Of the first in <see cref="Data"/>; null when there is none.</value>
    public string? FirstId => Data is [var first, ..] ? first.Id : null;

    /// <value>Of the last in <see cref="Data"/>.</value>
    public string? LastId => Data is [.., var last] ? last.Id : null;
}

/// <summary>What a batch came to: the manifest as it was written, and its items.</summary>
/// <param name="Manifest">The run's <c>manifest.json</c>.</param>
/// <param name="Items">Outcome rows, those that did not come out unless another status is asked for.</param>
/// <param name="More">True when there are further ones: ask with a greater <c>skip</c>.</param>
public sealed record BatchReport(JsonElement Manifest, IReadOnlyList<JsonElement> Items, bool More);

/// <summary>From an instance to what the API shows of it.</summary>
public static class RunViews
{
    /// <summary>What the API shows of an instance.</summary>
    public static RunView Of(WorkflowInstance instance, string id, string url)
    {
        var view = new RunView
        {
            Id = id,
            Status = StatusOf(instance),
            Error = instance.Error,
            Progress = instance.IsFinished || instance.CustomStatus is null ? null : WorkflowJson.Read<RunStatus>(instance.CustomStatus),
            CreatedAt = instance.Created,
            UpdatedAt = instance.Updated,
            Url = url,
        };
        if (instance.Status != WorkflowStatus.Completed)
            return view;
        if (instance.Workflow == GenerateImages.Workflow.Name)
        {
            var made = instance.ReadOutput<GenerateSummary>();
            return view with { Succeeded = made.Succeeded, Failed = made.Failed, Rejected = made.Rejected, Cut = made.Cut > 0 ? made.Cut : null, NotKept = made.NotKept > 0 ? made.NotKept : null, Reasons = made.Reasons, Manifest = made.Manifest };
        }

        var curated = instance.ReadOutput<CurateSummary>();
        return view with
        {
            Succeeded = curated.Succeeded,
            Failed = curated.Failed,
            Rejected = curated.Rejected,
            Reasons = curated.Reasons,
            Manifest = curated.Manifest.Length > 0 ? curated.Manifest : null,
            Report = curated.Report
        };
    }

    /// <summary>Its status in the words of the API.</summary>
    public static string StatusOf(WorkflowInstance instance) => instance.Status switch
    {
        WorkflowStatus.Running => instance.CustomStatus is null ? JobStatus.Queued : JobStatus.Processing,
        WorkflowStatus.Suspended or WorkflowStatus.Refused => JobStatus.Suspended,
        WorkflowStatus.Completed => JobStatus.Succeeded,
        WorkflowStatus.Failed => JobStatus.Failed,
        _ => JobStatus.Canceled,
    };
}
