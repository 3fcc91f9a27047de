using Sana.Jobs.Durable;

namespace Sana.Jobs.Requests;

// A batch of an uploaded file: every line is a job. Messages hold names and counts: lines, errors and answers are blobs.

/// <summary>Starts a batch of an uploaded file; its instance has the batch's id.</summary>
/// <param name="Id"><c>batch_</c> and 32 or 41 letters and digits.</param>
/// <param name="InputFile">Id of the uploaded file.</param>
/// <param name="Endpoint">What every line asks, such as <c>/v1/images/generations</c>.</param>
/// <param name="Window">As it was asked for, such as <c>24h</c>.</param>
/// <param name="CreatedAt">When it was asked for, UTC.</param>
/// <param name="ExpiresAt">No line is begun after it, UTC.</param>
/// <param name="Sha256">Of what was asked for: the same id with another hash is another batch.</param>
/// <param name="Limits">What a line may ask for, by the server that took the batch.</param>
public sealed record BatchFileRequest(string Id, string InputFile, string Endpoint, string Window, DateTime CreatedAt, DateTime ExpiresAt, string Sha256, RequestLimits Limits)
{
    /// <value>Of the client's own use. Default none.</value>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <value>Seconds after which the files that it writes expire; null for never. Default null.</value>
    public int? OutputSeconds { get; init; }

    /// <value>The next chunk of lines. Default 0.</value>
    public int Chunk { get; init; }

    /// <value>Where it stands; null before its lines were checked.</value>
    public BatchFileState? State { get; init; }
}

/// <summary>What one request for images may ask for.</summary>
/// <param name="MaxPixels">Width × height × images of one job.</param>
/// <param name="MaxImagePixels">Width × height of one image.</param>
/// <param name="MaxImages">Images of one job.</param>
/// <param name="RefusesLongPrompts">Prompts of more tokens than the network reads are refused where a request does not say otherwise.</param>
/// <param name="AttemptSeconds">Of one attempt, where a request does not say otherwise.</param>
public sealed record RequestLimits(long MaxPixels, long MaxImagePixels, int MaxImages, bool RefusesLongPrompts, int AttemptSeconds);

/// <summary>Where a batch of a file stands, and its output when it has ended. Times are UTC.</summary>
/// <param name="Status">One of <see cref="BatchFileStatus"/>.</param>
/// <param name="Started">When it was asked for.</param>
public sealed record BatchFileState(string Status, DateTime Started)
{
    /// <value>Lines of the file, once they were checked.</value>
    public int Total { get; init; }

    /// <value>Lines whose images were made.</value>
    public int Completed { get; init; }

    /// <value>Lines that have an error in their place.</value>
    public int Failed { get; init; }

    /// <value>Chunks of lines.</value>
    public int Chunks { get; init; }

    /// <value>How it ends: completed, expired or cancelled.</value>
    public string Ending { get; init; } = BatchFileStatus.Completed;

    /// <value>When its lines were found to be usable.</value>
    public DateTime? InProgressAt { get; init; }

    /// <value>When its last line had ended.</value>
    public DateTime? FinalizingAt { get; init; }

    /// <value>When it was asked to stop.</value>
    public DateTime? CancellingAt { get; init; }

    /// <value>When it ended, however.</value>
    public DateTime? EndedAt { get; init; }

    /// <value>Id of the file of answers; null when there are none.</value>
    public string? OutputFile { get; init; }

    /// <value>Id of the file of errors; null when there are none.</value>
    public string? ErrorFile { get; init; }
}

/// <summary>The statuses of a batch of a file, in OpenAI's words.</summary>
public static class BatchFileStatus
{
    /// <summary>Its lines are checked.</summary>
    public const string Validating = "validating";

    /// <summary>A line cannot be used, and nothing is drawn.</summary>
    public const string Failed = "failed";

    /// <summary>Lines are drawn.</summary>
    public const string InProgress = "in_progress";

    /// <summary>Its files are written.</summary>
    public const string Finalizing = "finalizing";

    /// <summary>Every line has its answer or error.</summary>
    public const string Completed = "completed";

    /// <summary>The time was over before every line was drawn.</summary>
    public const string Expired = "expired";

    /// <summary>It was asked to stop.</summary>
    public const string Cancelling = "cancelling";

    /// <summary>It has stopped.</summary>
    public const string Cancelled = "cancelled";
}

/// <summary>What the check of a file found; <paramref name="Errors"/> is 0 for one that can be used.</summary>
public sealed record BatchFileCheck(int Lines, int Chunks, int Errors);

/// <summary>The files that a batch wrote.</summary>
public sealed record BatchFileOutputs(string? OutputFile, string? ErrorFile);

/// <summary>Names of the activities of batches of files, and of what they write.</summary>
public static class BatchFiles
{
    /// <summary>How every id of such a batch begins, and its instance's.</summary>
    public const string IdPrefix = "batch_";

    /// <summary>Checks every line of the file and cuts them into chunks.</summary>
    public static readonly Activity<BatchFileRequest, BatchFileCheck> CheckLines = new(nameof(CheckLines));

    /// <summary>Makes the jobs of one chunk; a line whose values cannot be used is written down and has none.</summary>
    public static readonly Activity<BatchFileRequest, IReadOnlyList<JobTicket>> OpenLines = new(nameof(OpenLines));

    /// <summary>Writes the answers and errors of one chunk.</summary>
    public static readonly Activity<BatchFileRequest, ItemCounts> ReportLines = new(nameof(ReportLines));

    /// <summary>Writes the output file and the error file.</summary>
    public static readonly Activity<BatchFileRequest, BatchFileOutputs> WriteBatchFiles = new(nameof(WriteBatchFiles));

    /// <summary>The job of a line: it follows from batch and line.</summary>
    /// <param name="batch">The batch's id.</param>
    /// <param name="line">From 1.</param>
    public static string Job(string batch, int line) => $"{batch}-{line:00000}";

    /// <summary>The batch of such a job; null when it is another's.</summary>
    public static string? OfJob(string job) => job.StartsWith(IdPrefix, StringComparison.Ordinal) && job.LastIndexOf('-') is > 0 and var end ? job[..end] : null;

    /// <summary>How the names of all chunks of lines begin.</summary>
    internal static string Lines(string batch) => $"work/batches/{batch}/lines/";

    /// <summary>The lines of a chunk, as they are handed on.</summary>
    internal static string Lines(string batch, int chunk) => $"{Lines(batch)}{chunk:00000}.jsonl";

    /// <summary>Lines of a chunk whose values cannot be used.</summary>
    internal static string Refused(string batch, int chunk) => $"work/batches/{batch}/refused/{chunk:00000}.jsonl";

    /// <summary>The answers of a chunk.</summary>
    internal static string Answers(string batch, int chunk) => $"work/batches/{batch}/output/{chunk:00000}.jsonl";

    /// <summary>The errors of a chunk.</summary>
    internal static string Errors(string batch, int chunk) => $"work/batches/{batch}/errors/{chunk:00000}.jsonl";

    /// <summary>Why the file cannot be used.</summary>
    internal static string Faults(string batch) => $"work/batches/{batch}/faults.json";
}
