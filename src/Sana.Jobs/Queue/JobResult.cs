using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Jobs.Queue;

/// <summary>What became of a job: <c>results/{job_id}.json</c>, <c>sana.result/1</c>, snake_case JSON. Written once, when the job has ended.</summary>
public sealed record JobResult
{
    /// <value>Always <c>sana.result/1</c>.</value>
    public string Schema { get; init; } = "sana.result/1";

    /// <value>The job's id as it was sent.</value>
    public required string JobId { get; init; }

    /// <value>What the job was part of.</value>
    public string? BatchId { get; init; }

    /// <value>The job's idempotency key, or its id.</value>
    public required string IdempotencyKey { get; init; }

    /// <value>SHA-256 of what was asked for, <see cref="JobMessage.RequestSha256"/>; null in documents of earlier versions.</value>
    public string? RequestSha256 { get; init; }

    /// <value>One of <see cref="JobStatus"/>.</value>
    public required string Status { get; init; }

    /// <value>In the order of the seeds.</value>
    public IReadOnlyList<JobImage> Images { get; init; } = [];

    /// <value>Milliseconds of each stage; null when nothing was rendered.</value>
    public JobTimings? Timings { get; init; }

    /// <value>Why it failed; null when it did not.</value>
    public JobError? Error { get; init; }

    /// <value>The job of the same idempotency key that did the work; null when this one did.</value>
    public string? DuplicateOf { get; init; }

    /// <value>What it ran on.</value>
    public string? Device { get; init; }

    /// <value>How often it was begun, 0…</value>
    public int Attempts { get; init; }

    /// <value>The round of the message that ended so.</value>
    public int Round { get; init; }

    /// <value>When the last attempt began.</value>
    public DateTimeOffset? StartedAt { get; init; }

    /// <value>When it ended.</value>
    public DateTimeOffset CompletedAt { get; init; }

    /// <value>W3C trace context of the request.</value>
    public string? Traceparent { get; init; }

    /// <summary>The result that these bytes hold.</summary>
    /// <exception cref="JsonException">They hold none.</exception>
    public static JobResult Parse(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, JobJson.Readable.JobResult)!;

    /// <summary>The bytes of this result.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, JobJson.Readable.JobResult);
}

/// <summary>One image of a job. <paramref name="Blob"/> is null when it came out unusable; then <paramref name="Reason"/> says why.</summary>
public sealed record JobImage(int Index, ulong Seed, string? Blob, string? Sha256, long Bytes, int Width, int Height, IReadOnlyList<string> Flags, string? Reason = null)
{
    /// <value>The enhanced prompt, which it was made from; null where prompts are not enhanced.</value>
    public string? RevisedPrompt { get; init; }

    /// <value>What each judge says of it; null where nobody judges.</value>
    public IReadOnlyList<ImageScore>? Scores { get; init; }
}

/// <summary>What one judge says of an image.</summary>
/// <param name="Judge">The judge, as columns name it: its kind and its label, such as <c>classifier__nsfw</c>.</param>
/// <param name="Score">On the judge's own scale; null where its network gave no finite number.</param>
public sealed record ImageScore(string Judge, double? Score)
{
    /// <value>An image that scores less is outside; null for no limit.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Min { get; init; }

    /// <value>An image that scores more is outside; null for no limit.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Max { get; init; }
}

/// <summary>Milliseconds of each stage.</summary>
public sealed record JobTimings(long QueueMs, long TextMs, long DenoiseMs, long DecodeMs, long TotalMs);

/// <summary>Why a job failed. <paramref name="Code"/> is one of <see cref="FaultReason"/>.</summary>
public sealed record JobError(string Code, string Message, bool Retryable, int Attempt);

/// <summary>The statuses of a job.</summary>
public static class JobStatus
{
    /// <summary>Waits in the queue.</summary>
    public const string Queued = "queued";

    /// <summary>Was taken and has not begun to render.</summary>
    public const string Starting = "starting";

    /// <summary>Is being rendered.</summary>
    public const string Processing = "processing";

    /// <summary>Is not begun until it is resumed.</summary>
    public const string Suspended = "suspended";

    /// <summary>At least one image came out; the others say why not.</summary>
    public const string Succeeded = "succeeded";

    /// <summary>Given up, or no image came out.</summary>
    public const string Failed = "failed";

    /// <summary>Nobody waits for it any more.</summary>
    public const string Canceled = "canceled";
}

/// <summary>Why a job, a batch or an attempt failed.</summary>
public static class FaultReason
{
    /// <summary>The message or what it asks for cannot be used. Never tried again.</summary>
    public const string BadInput = "bad_input";

    /// <summary>A good request that this worker is not to serve: too many images, too large, or too late; or an image outside a limit of a judge. Never tried again.</summary>
    public const string Policy = "policy";

    /// <summary>Out of memory. Tried again at half the batch, down to one image.</summary>
    public const string OutOfMemory = "oom";

    /// <summary>The networks gave values that are not numbers. Tried again once.</summary>
    public const string Nan = "nan";

    /// <summary>The process or the runtime died while it rendered this. Tried again once.</summary>
    public const string EngineDead = "engine_dead";

    /// <summary>The attempt took too long. Tried again.</summary>
    public const string Timeout = "timeout";

    /// <summary>The message is for another checkpoint: with another model's name it is refused, with a fingerprint it is left for a worker that has it.</summary>
    public const string ModelMismatch = "model_mismatch";

    /// <summary>A blob, the disk or the network failed. Tried again.</summary>
    public const string TransientIo = "transient_io";
}

/// <summary>A job cannot be done, or not now. <see cref="Reason"/> decides what becomes of its message.</summary>
public sealed class JobFaultException : Exception
{
    /// <summary>Creates the exception with one of <see cref="Queue.FaultReason"/> and a sentence.</summary>
    public JobFaultException(string reason, string message, Exception? innerException = null)
        : base(message, innerException) => Reason = reason;

    /// <summary>One of <see cref="Queue.FaultReason"/>.</summary>
    public string Reason { get; }
}
