namespace Sana.Jobs.Http;

/// <summary>A request that is answered with an error: the status, a code for programs and one sentence for people.</summary>
internal sealed class ApiException(int status, string code, string message) : Exception(message)
{
    public int Status { get; } = status;

    /// <summary>One word of a closed set, such as <c>bad_request</c>.</summary>
    public string Code { get; } = code;

    /// <summary>The field or header at fault, as the caller wrote it; null when it is not one.</summary>
    public string? Field { get; init; }

    /// <summary>The code in OpenAI's error object, where that says more than <see cref="Code"/>.</summary>
    public string? OpenAICode { get; init; }

    /// <summary>When to ask again; null where that would not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>False where OpenAI's clients, which ask again by themselves, would wait for nothing; null leaves it to them.</summary>
    public bool? ShouldRetry { get; init; }

    /// <summary>The job that the error is about.</summary>
    public string? JobId { get; init; }

    public static ApiException BadRequest(string? field, string message) => new(400, "bad_request", message) { Field = field };

    public static ApiException Invalid(string? field, string message, string code = "bad_request", string? openAICode = null) =>
        new(422, code, message) { Field = field, OpenAICode = openAICode };

    public static ApiException Missing(string field, string what = "") =>
        new(422, "bad_request", $"The field '{field}' is missing{what}.") { Field = field, OpenAICode = "missing_required_parameter" };

    public static ApiException NotFound(string what) => new(404, "not_found", what);

    public static ApiException Conflict(string message, string? jobId = null) => new(409, "conflict", message) { JobId = jobId };

    public static ApiException TooLarge(long limit) => new(413, "body_too_large", $"The body is longer than {limit} bytes; send a file of prompts in parts.");

    public static ApiException Stopping() => new(503, "stopping", "The server is stopping; ask again.") { RetryAfter = TimeSpan.FromSeconds(10) };
}
