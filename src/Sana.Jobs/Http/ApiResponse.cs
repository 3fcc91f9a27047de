using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Sana.Jobs.Http;

/// <summary>From a handler to what goes over the wire: its result, or its fault in the form that its clients read.</summary>
public static class ApiResponse
{
    // RFC 9457 members are camelCase by the names that the draft for asynchronous jobs gives them.
    private static readonly JsonSerializerOptions ProblemJson = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Runs a handler; errors become <c>application/problem+json</c>, on the path of OpenAI's clients their <c>error</c> object.</summary>
    internal static async Task<IResult> Handle(HttpRequest request, Func<Task<IResult>> handle)
    {
        try
        {
            return await handle();
        }
        catch (ApiException fault)
        {
            return ForException(request, fault);
        }
        catch (SanaException error)
        {
            return ForException(request, new ApiException(503, "storage", error.Message) { RetryAfter = TimeSpan.FromSeconds(5) });
        }
        catch (BadHttpRequestException error)
        {
            return ForStatus(request, error.StatusCode);
        }
        catch (OperationCanceledException) when (request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return TypedResults.StatusCode(499);
        }
    }

    /// <summary>The answer for what never reached a handler: no such route or method, no key, a mistake of ours.</summary>
    public static IResult ForStatus(HttpRequest request, int status) => ForException(request, status switch
    {
        401 => new ApiException(401, "unauthorized", "A key is needed: Authorization: Bearer <key>."),
        403 => new ApiException(403, "forbidden", "The request comes from another site or names another host."),
        404 => ApiException.NotFound("There is nothing here."),
        405 => new ApiException(405, "method_not_allowed", "This path does not take this method."),
        413 => new ApiException(413, "body_too_large", "The body is too large."),
        415 => new ApiException(415, "unsupported_media_type", "The body is not declared as JSON; send Content-Type: application/json."),
        429 => new ApiException(429, "too_many_requests", "Too many requests of this kind at once; ask again later.") { RetryAfter = TimeSpan.FromSeconds(2) },
        < 500 => new ApiException(status, "bad_request", "The request cannot be used."),
        _ => new ApiException(status, "failed", "This should not happen; the server's log has more."),
    });

    /// <summary>The answer of a host that does not take a request: a status, a code for programs, and a sentence with the fix.</summary>
    public static IResult ForRefusal(HttpRequest request, int status, string code, string message) => ForException(request, new ApiException(status, code, message));

    /// <summary>The answer for a fault.</summary>
    internal static IResult ForException(HttpRequest request, ApiException fault)
    {
        var headers = request.HttpContext.Response.Headers;
        var retryAfter = fault.RetryAfter is { } wait ? (int?)Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : null;
        if (retryAfter is { } seconds)
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (fault.Status == 401)
            headers.WWWAuthenticate = HttpMethods.IsGet(request.Method) ? "Basic realm=\"sana\", charset=\"UTF-8\"" : "Bearer";
        headers.CacheControl = "no-store";
        if (request.Path.StartsWithSegments("/v1/images", StringComparison.Ordinal))
            return TypedResults.Json(new OpenAIError(new OpenAIErrorBody(fault.Message, OpenAIType(fault.Status), fault.Field, fault.Code)), statusCode: fault.Status);

        var problem = new Problem(
            $"urn:sana:problem:{fault.Code}", Title(fault.Status), fault.Status, fault.Message, request.Path, fault.Code, fault.Field, fault.JobId, null,
            fault.Status is 429 or 503, retryAfter, null, Activity.Current?.TraceId.ToString());
        return TypedResults.Json(problem, ProblemJson, "application/problem+json", fault.Status);
    }

    private static string Title(int status) => status switch
    {
        400 => "Bad request",
        401 => "Key missing or wrong",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "Conflict",
        413 => "Body too large",
        415 => "Not JSON",
        422 => "Not usable",
        429 => "Too much queued",
        503 => "Not ready",
        _ => "Failed",
    };

    private static string OpenAIType(int status) => status switch
    {
        401 or 403 => "authentication_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}

/// <summary>RFC 9457, with the members that the draft for asynchronous jobs adds.</summary>
internal sealed record Problem(
    string Type, string Title, int Status, string Detail, string Instance, string Code, string? Field, string? JobId, string? JobStatus, bool Retryable, int? RetryAfter,
    string? ProcessingStage, string? CorrelationId);

/// <summary>An error as OpenAI's clients read it.</summary>
internal sealed record OpenAIError(OpenAIErrorBody Error);

/// <inheritdoc cref="OpenAIError" />
internal sealed record OpenAIErrorBody(string Message, string Type, string? Param, string? Code);

/// <summary>A request that is answered with an error: the status, a code for programs and one sentence for people.</summary>
internal sealed class ApiException(int status, string code, string message) : Exception(message)
{
    public int Status { get; } = status;

    /// <summary>One word of a closed set, such as <c>bad_request</c>.</summary>
    public string Code { get; } = code;

    /// <summary>The field or header at fault; null when it is not one.</summary>
    public string? Field { get; init; }

    /// <summary>When to ask again; null where that would not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The job that the error is about.</summary>
    public string? JobId { get; init; }

    public static ApiException BadRequest(string? field, string message) => new(400, "bad_request", message) { Field = field };

    public static ApiException Invalid(string? field, string message, string code = "bad_request") => new(422, code, message) { Field = field };

    public static ApiException NotFound(string what) => new(404, "not_found", what);

    public static ApiException Conflict(string message, string? jobId = null) => new(409, "conflict", message) { JobId = jobId };

    public static ApiException TooLarge(long limit) => new(413, "body_too_large", $"The body is longer than {limit} bytes; send a file of prompts in parts.");
}
