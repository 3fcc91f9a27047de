using System.Text.Json.Serialization;

namespace Sana.Jobs.Http;

// Bodies of OpenAI's files and batches as its clients write and read them. Times are Unix seconds.

/// <summary>Asks for a batch of an uploaded file: <c>POST /v1/batches</c>.</summary>
/// <param name="InputFileId">Of a file that was uploaded with the purpose <c>batch</c>.</param>
/// <param name="Endpoint">The <c>url</c> of every line: <c>/v1/images/generations</c> or <c>/v1/images/edits</c>.</param>
/// <param name="CompletionWindow"><c>24h</c>, or another time in 1 s…720 h, such as <c>90s</c>, <c>30m</c>, <c>72h</c>.</param>
public sealed record UploadedBatchRequest(string InputFileId, string Endpoint, string CompletionWindow)
{
    /// <value>Of the client's own use: up to 16 names of 64 characters with texts of 512. Default none.</value>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <value>When output and error file expire. Default never.</value>
    public FileExpiry? OutputExpiresAfter { get; init; }
}

/// <summary>When a file expires.</summary>
/// <param name="Anchor">Always <c>created_at</c>.</param>
/// <param name="Seconds">3,600…2,592,000.</param>
public sealed record FileExpiry(string Anchor, int Seconds);

/// <summary>A batch of an uploaded file.</summary>
public sealed record UploadedBatch(string Id, string Endpoint, string InputFileId, string CompletionWindow, string Status, long CreatedAt, UploadedBatchCounts RequestCounts)
{
    /// <value>Always batch.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "batch";

    /// <value>Why it failed.</value>
    public UploadedBatchErrors? Errors { get; init; }

    /// <value>The file of answers.</value>
    public string? OutputFileId { get; init; }

    /// <value>The file of lines without an answer.</value>
    public string? ErrorFileId { get; init; }

    /// <value>When its lines were found to be usable.</value>
    public long? InProgressAt { get; init; }

    /// <value>No line is begun after it.</value>
    public long? ExpiresAt { get; init; }

    /// <value>When its last line had ended.</value>
    public long? FinalizingAt { get; init; }

    /// <value>When it was completed.</value>
    public long? CompletedAt { get; init; }

    /// <value>When it failed.</value>
    public long? FailedAt { get; init; }

    /// <value>When its time was over.</value>
    public long? ExpiredAt { get; init; }

    /// <value>When it was asked to stop.</value>
    public long? CancellingAt { get; init; }

    /// <value>When it had stopped.</value>
    public long? CancelledAt { get; init; }

    /// <value>As it was given.</value>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>Lines of a batch: all, those with an answer, those with an error. Once it has ended, both come to all.</summary>
public sealed record UploadedBatchCounts(int Total, int Completed, int Failed);

/// <summary>Why a batch failed.</summary>
public sealed record UploadedBatchErrors(IReadOnlyList<UploadedBatchError> Data)
{
    /// <value>Always list.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "list";
}

/// <summary>What is wrong with a line; without one, with the file.</summary>
/// <param name="Code">Such as <c>invalid_json_line</c>.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Line">From 1; null for the whole file.</param>
/// <param name="Param">The field; null for the whole line.</param>
public sealed record UploadedBatchError(string Code, string Message, int? Line = null, string? Param = null);

/// <summary>A line of the output or error file.</summary>
/// <param name="Id">Of this request of the batch.</param>
/// <param name="CustomId">As the line of the input has it.</param>
/// <param name="Response">What the endpoint answered; null when it was not asked.</param>
/// <param name="Error">Why it was not asked; null when it was.</param>
public sealed record UploadedBatchLine(
    string Id,
    string CustomId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] UploadedBatchAnswer? Response,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] UploadedBatchError? Error);

/// <summary>What the endpoint answered.</summary>
/// <param name="StatusCode">200, or 400 and more.</param>
/// <param name="RequestId">The line's job.</param>
/// <param name="Body">The images, or an <c>error</c>.</param>
public sealed record UploadedBatchAnswer(int StatusCode, string RequestId, object Body);

/// <summary>An uploaded file, or one that a batch wrote.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Bytes">As it is stored: links and images of an output file are put in when it is read.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="Filename">As it was given.</param>
/// <param name="Purpose"><c>batch</c>, <c>vision</c> or <c>batch_output</c>.</param>
public sealed record FileView(string Id, long Bytes, long CreatedAt, string Filename, string Purpose)
{
    /// <value>Always file.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "file";

    /// <value>Always processed.</value>
    public string Status { get; init; } = "processed";

    /// <value>When it is gone; null for never.</value>
    public long? ExpiresAt { get; init; }
}

/// <summary>A page of files.</summary>
public sealed record FilePage(IReadOnlyList<FileView> Data, bool HasMore)
{
    /// <value>Always list.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "list";

    /// <value>Of the first in the page; null when there is none.</value>
    public string? FirstId => Data is [var first, ..] ? first.Id : null;

    /// <value>Of the last in the page: ask for those after it.</value>
    public string? LastId => Data is [.., var last] ? last.Id : null;
}

/// <summary>A file that was deleted.</summary>
public sealed record FileDeleted(string Id)
{
    /// <value>Always file.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "file";

    /// <value>Always true.</value>
    public bool Deleted { get; init; } = true;
}

/// <summary>The fields of an upload, as a form; only the OpenAPI document reads this.</summary>
/// <param name="File">The content.</param>
/// <param name="Purpose"><c>batch</c>, or <c>vision</c> for a picture that lines name.</param>
public sealed record FileUploadForm(byte[] File, string Purpose);
