using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Sana.Curation.Export;
using Sana.Curation.Shards.Validation;
using Sana.GraphBuilder;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;

namespace Sana.Local.Commands;

// What --json prints: one object on one line.

/// <summary>Of any command that did not do what it was asked.</summary>
internal sealed record ErrorReport(string Error, int ExitCode);

/// <summary>Of <c>sana generate</c>.</summary>
internal sealed record GenerateReport(
    string Id, string RunId, string Place, string Manifest, string Status, long Made, long Skipped, long Failed, long Rejected, long NotKept, IReadOnlyDictionary<string, long> Reasons,
    long Cut, IReadOnlyDictionary<string, long> Flags, double Seconds);

/// <summary>Of <c>sana fetch</c>.</summary>
internal sealed record FetchReport(string Folder);

/// <summary>Of <c>sana push</c>.</summary>
internal sealed record PushReport(
    string Dataset, string Version, string Repository, string Commit, string Page, int Files, long Sent, long SentBytes, long There, int Removed, bool Created);

/// <summary>Of <c>sana demo</c>.</summary>
internal sealed record DemoReport(string Page, int Images, int Captioned, double Seconds);

/// <summary>Of <c>sana serve</c>, when it listens.</summary>
internal sealed record ServeReport(IReadOnlyList<string> Urls, string Place, string BaseUrl, string Page, bool KeyRequired);

/// <summary>Of <c>sana info</c>.</summary>
internal sealed record InfoReport(CheckpointSummary Checkpoint, MemoryReport Memory);

/// <summary>Of <c>sana info</c> on a checkpoint of CLIP or SigLIP 2.</summary>
internal sealed record ClipInfoReport(ClipSummary Checkpoint);

/// <summary>Of <c>sana info</c> on a captioner's checkpoint.</summary>
internal sealed record CaptionerInfoReport(CaptionerSummary Checkpoint);

/// <summary>Of <c>sana info</c> on the checkpoint of a judge of images.</summary>
internal sealed record JudgeInfoReport(JudgeSummary Checkpoint);

/// <summary>Of <c>sana info</c> on a control network; the memory is that beside the checkpoint's.</summary>
internal sealed record ControlInfoReport(ControlSummary Control, MemoryReport Memory);

/// <summary>Estimated memory for one image of this size.</summary>
internal sealed record MemoryReport(int Width, int Height, string Precision, long PeakBytes, IReadOnlyList<StageMemory> Stages);

/// <summary>An instance, of <c>sana curate</c>, <c>resume</c> and <c>status</c>.</summary>
internal sealed record InstanceReport(
    string Id, string Workflow, string Status, JsonElement? Progress, JsonElement? Output, string? ErrorType, string? Error, DateTime Created, DateTime Updated)
{
    public static InstanceReport Of(WorkflowInstance instance) => new(
        instance.Id,
        instance.Workflow,
        instance.Status.ToString().ToLowerInvariant(),
        Element(instance.CustomStatus),
        Element(instance.Output),
        instance.ErrorType,
        instance.Error,
        instance.Created,
        instance.Updated);

    private static JsonElement? Element(string? json) => json is null ? null : JsonElement.Parse(json);
}

/// <summary>Of <c>sana status</c>.</summary>
/// <param name="Instances">The newest ones.</param>
/// <param name="Left">Messages that no worker here takes, because they are for another checkpoint, where the queue is SQLite.</param>
internal sealed record StatusReport(IReadOnlyList<InstanceReport> Instances, IReadOnlyList<LeftReport> Left);

internal sealed record LeftReport(string Reason, long Messages, string Message);

/// <summary>Of <c>sana suspend</c>, <c>cancel</c> and <c>retry</c>.</summary>
internal sealed record SteerReport(string Id, string Verb, bool Done);

/// <summary>Of <c>sana queue</c>.</summary>
internal sealed record QueueReport(
    string Queue, long Waiting, long Held, long Dead, int Requeued, IReadOnlyList<WaitingReport> Jobs, IReadOnlyList<DeadReport> DeadLetters);

/// <summary>Of <c>sana journal</c>. <paramref name="File"/> is what was written; the lists are of <c>rescue</c>.</summary>
internal sealed record JournalReport(
    string Journal, IReadOnlyList<string> Damages, long? Instances = null, long? Unfinished = null, string? File = null, IReadOnlyList<string>? Failed = null, IReadOnlyList<string>? Lost = null,
    bool? IsListComplete = null);

internal sealed record WaitingReport(string Id, string JobId, int Deliveries, DateTimeOffset Sent)
{
    /// <summary>Why it last came back, where the queue keeps that.</summary>
    public string? Reason { get; init; }

    public string? Message { get; init; }
}

internal sealed record DeadReport(string Id, string JobId, string? Reason, string? Message, DateTimeOffset Buried);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ErrorReport))]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(FetchReport))]
[JsonSerializable(typeof(PushReport))]
[JsonSerializable(typeof(GenerateReport))]
[JsonSerializable(typeof(InfoReport))]
[JsonSerializable(typeof(LoraInfoReport))]
[JsonSerializable(typeof(ControlInfoReport))]
[JsonSerializable(typeof(ClipInfoReport))]
[JsonSerializable(typeof(CaptionerInfoReport))]
[JsonSerializable(typeof(JudgeInfoReport))]
[JsonSerializable(typeof(ServeReport))]
[JsonSerializable(typeof(BuildReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(InstanceReport))]
[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(SteerReport))]
[JsonSerializable(typeof(QueueReport))]
[JsonSerializable(typeof(JournalReport))]
[JsonSerializable(typeof(CurationEstimate))]
[JsonSerializable(typeof(SelectionSummary))]
[JsonSerializable(typeof(LoaderReport))]
[JsonSerializable(typeof(CleanReport))]
[JsonSerializable(typeof(ExportSummary))]
internal sealed partial class Reports : JsonSerializerContext
{
    public static Reports Json { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void WriteJson<T>(T report, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(report, type));
}
