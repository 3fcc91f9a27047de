using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Sana.Jobs.Http;

/// <summary>From a handler to what goes over the wire: its result, or its fault in the form that its clients read.</summary>
public static class ApiResponse
{
    // RFC 9457 members are camelCase by the names that the draft for asynchronous jobs gives them.
    private static readonly JsonSerializerOptions ProblemJson = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Runs a handler; errors become <c>application/problem+json</c>, on the paths of OpenAI's clients their <c>error</c> object.</summary>
    internal static async Task<IResult> Handle(HttpRequest request, Func<Task<IResult>> handle)
    {
        RequestId.Mark(request.HttpContext);
        try
        {
            return await handle();
        }
        catch (OperationCanceledException) when (request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return TypedResults.StatusCode(499);
        }
        catch (Exception error) when (FaultOf(error) is { } fault)
        {
            return ForException(request, fault);
        }
        catch (BadHttpRequestException error)
        {
            return ForStatus(request, error.StatusCode);
        }
    }

    /// <summary>The answer for what never reached a handler: no such route or method, no key, a mistake of ours.</summary>
    public static IResult ForStatus(HttpRequest request, int status)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ForException(request, status switch
        {
            401 => Unauthorized(request),
            403 => new ApiException(403, "forbidden", "The request comes from another site or names another host."),
            404 => OpenAIPaths.Unknown(request),
            405 => new ApiException(405, "method_not_allowed", $"This path does not take {request.Method}."),
            413 => new ApiException(413, "body_too_large", "The body is too large."),
            415 => new ApiException(415, "unsupported_media_type", "The body is not declared as JSON; send Content-Type: application/json."),
            429 => new ApiException(429, "too_many_requests", "Too many requests of this kind at once; ask again later.") { RetryAfter = TimeSpan.FromSeconds(2) },
            < 500 => new ApiException(status, "bad_request", "The request cannot be used."),
            _ => new ApiException(status, "failed", "This should not happen; the server's log has more."),
        });
    }

    /// <summary>The answer while the server cannot write down what is asked for, with the sentence that says why.</summary>
    public static IResult ForUnavailable(HttpRequest request, string sentence) => ForException(request, new ApiException(503, "storage", sentence) { RetryAfter = TimeSpan.FromSeconds(5) });

    /// <summary>The answer of a host that does not take a request: a status, a code for programs, and a sentence with the fix.</summary>
    public static IResult ForRefusal(HttpRequest request, int status, string code, string message) => ForException(request, new ApiException(status, code, message));

    /// <summary>The answer for a fault.</summary>
    internal static IResult ForException(HttpRequest request, ApiException fault)
    {
        var headers = request.HttpContext.Response.Headers;
        var retryAfter = fault.RetryAfter is { } wait ? (int?)Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : null;
        if (retryAfter is { } seconds)
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (fault.ShouldRetry is { } should)
            headers["x-should-retry"] = should ? "true" : "false";
        var isOpenAI = OpenAIPaths.Contains(request);
        if (fault.Status == 401)
            headers.WWWAuthenticate = HttpMethods.IsGet(request.Method) && !isOpenAI ? "Basic realm=\"sana\", charset=\"UTF-8\"" : "Bearer";
        headers.CacheControl = "no-store";
        var requestId = RequestId.Mark(request.HttpContext);
        if (isOpenAI)
            return TypedResults.Json(OpenAIError.Of(fault), ProblemJson, statusCode: OpenAIError.StatusOf(fault));

        var problem = new Problem(
            $"urn:sana:problem:{fault.Code}", Title(fault.Status), fault.Status, fault.Message, request.Path, fault.Code, fault.Field, fault.JobId, null,
            fault.ShouldRetry ?? fault.Status is 429 or 503, retryAfter, null, Activity.Current?.TraceId.ToString(), requestId, OpenAIError.Of(fault).Error);
        return TypedResults.Json(problem, ProblemJson, "application/problem+json", fault.Status);
    }

    /// <summary>The fault that an exception of a handler stands for; null for a mistake of ours.</summary>
    internal static ApiException? FaultOf(Exception error) => error switch
    {
        ApiException fault => fault,
        SanaException unusable => new ApiException(503, "storage", unusable.Message) { RetryAfter = TimeSpan.FromSeconds(5) },
        _ => null,
    };

    private static ApiException Unauthorized(HttpRequest request)
    {
        var headers = request.Headers;
        if (request.Query.ContainsKey("sig"))
            return new ApiException(401, "unauthorized", "The link has expired or is not one of this server's; ask for the job again, its answer has new ones.");
        var isBrowsers = headers.Authorization is [{ } sent] && sent.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase);
        if (isBrowsers && !HttpMethods.IsGet(request.Method))
            return new ApiException(401, "unauthorized", "A browser's password opens pages only; send Authorization: Bearer <key>.") { OpenAICode = "invalid_api_key" };
        return headers.ContainsKey("Authorization") || headers.ContainsKey("api-key")
            ? new ApiException(401, "unauthorized", "The key is not one of this server's; it asks for one of SANA_API_KEY or --api-key of sana serve.") { OpenAICode = "invalid_api_key" }
            : new ApiException(401, "unauthorized", "A key is needed: Authorization: Bearer <key>, or api-key: <key>.");
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
}

/// <summary>RFC 9457, with the members that the draft for asynchronous jobs adds; and OpenAI's error object, which its clients print on any path.</summary>
internal sealed record Problem(
    string Type, string Title, int Status, string Detail, string Instance, string Code, string? Field, string? JobId, string? JobStatus, bool Retryable, int? RetryAfter,
    string? ProcessingStage, string? CorrelationId, string RequestId, OpenAIErrorBody Error);

/// <summary>An error as OpenAI's clients read it.</summary>
internal sealed record OpenAIError(OpenAIErrorBody Error)
{
    public static OpenAIError Of(ApiException fault) => new(new OpenAIErrorBody(fault.Message, TypeOf(fault.Status), fault.Field, CodeOf(fault)) { JobId = fault.JobId });

    /// <summary>OpenAI has one status for every value that cannot be used.</summary>
    public static int StatusOf(ApiException fault) => fault.Status == 422 ? 400 : fault.Status;

    private static string TypeOf(int status) => status switch
    {
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    private static string? CodeOf(ApiException fault) => fault.OpenAICode ?? fault.Code switch
    {
        "bad_request" => fault.Field is null ? null : "invalid_value",
        "unauthorized" => null,
        _ => fault.Code,
    };
}

/// <inheritdoc cref="OpenAIError" />
internal sealed record OpenAIErrorBody(
    string Message,
    string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code)
{
    /// <value>Beside OpenAI's members: the job that the error is about.</value>
    [JsonPropertyName("job_id")]
    public string? JobId { get; init; }
}
