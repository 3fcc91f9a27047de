using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;
using Sana.Storage;

namespace Sana.Jobs.Queue;

/// <summary>
/// The body of a queue message, <c>sana.job/1</c>, snake_case JSON. Everybody may write one: the workflows, the HTTP API, or a program that knows only the queue.
/// Fields it does not know are ignored; another major schema is refused.
/// </summary>
public sealed record JobMessage
{
    /// <summary>The schema that this program writes.</summary>
    public const string CurrentSchema = "sana.job/1";

    private const int DefaultPriority = 5;

    /// <value>Always <c>sana.job/1</c>.</value>
    public string Schema { get; init; } = CurrentSchema;

    /// <value>1…128 letters, digits, hyphens and underscores; names the job's blobs in lower case. The same id is the same job.</value>
    public required string JobId { get; init; }

    /// <value>What the job is part of. Default none.</value>
    public string? BatchId { get; init; }

    /// <value>Its place there, from 0.</value>
    public int Index { get; init; }

    /// <value>Two messages with the same key are one job, whatever their ids. Default: the job's id.</value>
    public string? IdempotencyKey { get; init; }

    /// <value>SHA-256 of what was asked for: the same id with another hash is another job. Default: of model, input and output of this message.</value>
    public string? RequestSha256 { get; init; }

    /// <value>For whom. Default none.</value>
    public string? Tenant { get; init; }

    /// <value>0…9; higher goes first where the queue knows priorities. Default 5.</value>
    public int Priority { get; init; } = DefaultPriority;

    /// <value>How often it was put back by hand after it had failed. Default 0.</value>
    public int Round { get; init; }

    /// <value>How often it was delivered under earlier messages: a queue that cannot delay a returned message gets a new one in its place. Default 0.</value>
    public int Returned { get; init; }

    /// <value>When it was made.</value>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <value>Not begun after this time. Default never.</value>
    public DateTimeOffset? NotAfter { get; init; }

    /// <value>W3C trace context of the request.</value>
    public string? Traceparent { get; init; }

    /// <value>Which checkpoint it is meant for. Default whichever the worker has.</value>
    public JobModel? Model { get; init; }

    /// <value>What to draw.</value>
    public JobInput Input { get; init; } = new();

    /// <value>Where to and how.</value>
    public JobOutput Output { get; init; } = new();

    /// <value>Who wants to hear of it by HTTP. Default nobody.</value>
    public JobCallback? Callback { get; init; }

    /// <value>How long and how often.</value>
    public JobLimits Limits { get; init; } = new();

    /// <value>The workflow instance that waits for the end; null for a job that ends with a result document.</value>
    public JobReply? Reply { get; init; }

    /// <summary>The message of a body.</summary>
    /// <exception cref="JobFaultException">It is none, or of another major schema.</exception>
    public static JobMessage Parse(string body)
    {
        try
        {
            var saysPriority = false;
            using (var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 32 }))
            {
                var schema = document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("schema", out var field) ? field.ToString() : "";
                if (schema != CurrentSchema && !schema.StartsWith(CurrentSchema + '.', StringComparison.Ordinal))
                    throw new JobFaultException(FaultReason.BadInput, $"The message's schema is '{Short(schema)}'; this worker reads {CurrentSchema}.");
                saysPriority = document.RootElement.TryGetProperty("priority", out _);
            }

            var job = JsonSerializer.Deserialize(body, JobJson.Readable.JobMessage)!;
            if (Missing(job) is { } missing)
                throw new JobFaultException(FaultReason.BadInput, $"The message is not a {CurrentSchema}: {missing} is null.");
            // A field that is null says nothing, as one that is missing; generated readers forget the defaults of what is missing.
            return job with
            {
                Input = job.Input ?? new JobInput(),
                Output = job.Output ?? new JobOutput(),
                Limits = job.Limits ?? new JobLimits(),
                Priority = saysPriority ? job.Priority : DefaultPriority,
            };
        }
        catch (Exception error) when (error is not JobFaultException)
        {
            // Nothing but the body is looked at here: whatever fails, such as half a surrogate pair, is the body's fault.
            throw new JobFaultException(FaultReason.BadInput, $"The message is not a {CurrentSchema}: {Short(error.Message)}");
        }
    }

    /// <summary><see cref="RequestSha256"/>, or the hash that stands in for it.</summary>
    public string Sha256OfRequest() => RequestSha256
        ?? Digest.Sha256(JsonSerializer.SerializeToUtf8Bytes(new JobMessage { JobId = "", Model = Model, Input = Input, Output = Output }, JobJson.Readable.JobMessage));

    /// <summary>A field that must hold something and holds null.</summary>
    private static string? Missing(JobMessage job) => job switch
    {
        { JobId: null } => "job_id",
        { Reply: { Instance: null } or { Event: null } } => "reply.instance or reply.event",
        { Callback.Url: null } => "callback.url",
        _ => null,
    };

    /// <summary>What two messages of one job have in common.</summary>
    internal string Key => IdempotencyKey ?? JobId;

    /// <summary>The body of this message.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JobJson.Readable.JobMessage);

    private static string Short(string text) => text.Length > 200 ? text[..200] + "…" : text;
}

/// <summary>The checkpoint of a job.</summary>
/// <param name="Id">The name it goes by: a message of another name is refused. Default any.</param>
/// <param name="Revision">Its fingerprint, <c>sha256:…</c>, which then decides alone: a worker with another one leaves the message. Default any.</param>
public sealed record JobModel(string? Id = null, string? Revision = null)
{
    /// <summary>Exactly this checkpoint.</summary>
    public static JobModel Of(string name, string fingerprint) => new(name, $"sha256:{fingerprint}");

    /// <summary>A fingerprint as sentences name it.</summary>
    internal static string Short(string fingerprint) => $"sha256:{fingerprint[..Math.Min(fingerprint.Length, 12)]}…";
}

/// <summary>What to draw: a prompt, a blob that holds the input, or a batch of a plan.</summary>
public sealed record JobInput
{
    /// <value>At most 100,000 characters.</value>
    public string? Prompt { get; init; }

    /// <value>Name of a blob that holds this input as JSON (claim check), or, with <see cref="Batch"/>, a chunk of a plan.</value>
    public string? PromptRef { get; init; }

    /// <value>Which batch of the plan chunk.</value>
    public string? Batch { get; init; }

    /// <value>With <see cref="Batch"/>: images that failed for one of these reasons are made again.</value>
    public IReadOnlyList<string>? Redo { get; init; }

    /// <value>Default empty.</value>
    public string? NegativePrompt { get; init; }

    /// <value>Pixels. Default the checkpoint's.</value>
    public int? Width { get; init; }

    /// <value>Pixels. Default the checkpoint's.</value>
    public int? Height { get; init; }

    /// <value>Model evaluations. Default the checkpoint's.</value>
    public int? Steps { get; init; }

    /// <value>Default 4.5.</value>
    public float? GuidanceScale { get; init; }

    /// <value>One image each, 1…64 distinct ones. Default [0].</value>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <value><c>flow-dpm++2m</c>, <c>flow-dpm</c>, <c>flow-euler</c> or <c>scm</c>. Default the checkpoint's.</value>
    public string? Scheduler { get; init; }

    /// <value>The checkpoint's instruction before the prompt. Default true.</value>
    public bool? Chi { get; init; }

    /// <value>Let the checkpoint's own text encoder write a more detailed prompt, and make the images from that; the result has it as <c>revised_prompt</c>. Default false.</value>
    public bool? EnhancePrompt { get; init; }

    /// <value>What becomes of a prompt of more tokens than the network reads: <c>cut</c>, and the image is flagged, or <c>refuse</c>. Default cut, or what the server was started with.</value>
    public string? LongPrompts { get; init; }

    /// <value>Adapters by the names that this host gives them. Default none.</value>
    public IReadOnlyList<AdapterUse>? Lora { get; init; }

    /// <value>
    /// The image that images begin from, by the SHA-256 of its file, which is the blob <c>work/images/{sha256}</c>; its mask likewise. Then the prompt may be empty. Default none.
    /// </value>
    public StartImage? StartImage { get; init; }

    /// <value>Perturbed-attention guidance: <c>scale</c>, <c>adaptive_scale</c> (0) and <c>layers</c> (the checkpoint's own). Not for Sprint checkpoints. Default none.</value>
    public PerturbedAttention? Pag { get; init; }

    /// <value>
    /// The control network by the name that this host gives it, its scale, and its image by the SHA-256 of its file, which is the blob <c>work/images/{sha256}</c>. Default none.
    /// </value>
    public ControlUse? Control { get; init; }

    /// <value>Candidates of each image, of which judges keep the best: those of a seed have it and the ones after it. Default none.</value>
    public BestOf? BestOf { get; init; }

    /// <value>How often each image is shown before it is done, 0…3, at equal distances; fewer for checkpoints of few steps. Each costs the decoding of an image. Default 0.</value>
    public int? Previews { get; init; }
}

/// <summary>Where the images go and as what.</summary>
public sealed record JobOutput
{
    /// <value>Ignored: a worker writes to the one place it was given. Here for programs that write it.</value>
    public string? Container { get; init; }

    /// <value>Starts with <c>runs/</c> or <c>jobs/</c> and ends with a slash. Default <c>jobs/{job_id}/</c>.</value>
    public string? Prefix { get; init; }

    /// <value><c>png</c>, <c>jpeg</c> or <c>webp</c>. Default png.</value>
    public string? Format { get; init; }

    /// <value>Of jpeg and webp, 1…100. Default 90.</value>
    public int? Quality { get; init; }
}

/// <summary>A webhook.</summary>
/// <param name="Url">https only.</param>
/// <param name="Events">Such as <c>completed</c>. Default all.</param>
/// <param name="SecretRef">Which secret signs it.</param>
public sealed record JobCallback(string Url, IReadOnlyList<string>? Events = null, string? SecretRef = null);

/// <summary>How long and how often a job may be tried.</summary>
/// <param name="MaxAttempts">1…20. Default 5.</param>
/// <param name="TimeoutS">Seconds of one attempt, 1…604,800. Default 600; a batch of a run has the run's deadline.</param>
public sealed record JobLimits(int MaxAttempts = 5, int TimeoutS = 600)
{
    /// <summary>The longest that an attempt may take: a week, in seconds.</summary>
    public const int LongestS = 604_800;
}

/// <summary>Who waits for the end of a job inside the workflows.</summary>
/// <param name="Instance">The instance's id.</param>
/// <param name="Event">The event it waits for; its payload is the batch that ended and how.</param>
public sealed record JobReply(string Instance, string Event);

/// <summary>Messages and results as text: snake_case, unknown fields ignored, nulls left out.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(JobMessage))]
[JsonSerializable(typeof(JobResult))]
internal sealed partial class JobJson : JsonSerializerContext
{
    public static JobJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 32,
    });
}
