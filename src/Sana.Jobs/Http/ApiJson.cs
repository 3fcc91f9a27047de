using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Sana.Jobs.Http;

/// <summary>Bodies in and out: snake_case, nothing that is null, and no field that nobody knows.</summary>
internal static class ApiJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.Strict,
        // Bodies are declared as JSON and not to be sniffed: prompts stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads a JSON body of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="ApiException">415, 413, 400 for what is no JSON, 422 for a field that is unknown, missing or of another type.</exception>
    public static async Task<T> Read<T>(HttpRequest request, int limit)
        where T : class
    {
        // Only what a page of another origin cannot send without being asked: a form or plain text could come from anywhere.
        if (!request.HasJsonContentType())
            throw new ApiException(415, "unsupported_media_type", "The body is not declared as JSON; send Content-Type: application/json.");
        var body = await Bytes(request, limit);
        CheckSyntax(body.Span);
        try
        {
            return JsonSerializer.Deserialize<T>(body.Span, Options) ?? throw ApiException.BadRequest(null, "The body is null; send an object.");
        }
        catch (JsonException error)
        {
            var field = error.Path is { Length: > 2 } path ? path[2..] : null;
            throw ApiException.Invalid(field, field is null
                ? $"The body is not the object that is wanted here: {FirstSentence(error.Message)}"
                : $"The field '{Shown(field)}' is unknown, missing, given twice or of another type or range.");
        }
        catch (InvalidOperationException)
        {
            throw ApiException.BadRequest(null, "The body has a text that is not whole Unicode.");
        }
    }

    public static IResult Result<T>(T value, int status = 200) => TypedResults.Json(value, Options, "application/json", status);

    private static async Task<ReadOnlyMemory<byte>> Bytes(HttpRequest request, int limit)
    {
        if (request.ContentLength > limit)
            throw ApiException.TooLarge(limit);
        using var kept = new MemoryStream((int)(request.ContentLength ?? 0));
        var buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer, request.HttpContext.RequestAborted) is > 0 and var read)
        {
            if (kept.Length + read > limit)
                throw ApiException.TooLarge(limit);
            kept.Write(buffer, 0, read);
        }

        return kept.GetBuffer().AsMemory(0, (int)kept.Length);
    }

    private static void CheckSyntax(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 32 });
            while (reader.Read())
            {
            }
        }
        catch (JsonException error)
        {
            throw ApiException.BadRequest(null, $"The body is not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}.");
        }
    }

    private static string FirstSentence(string message) => message.Contains("required", StringComparison.Ordinal) ? "a required field is missing." : "it has another shape.";

    private static string Shown(string field) => field.Length <= 80 ? field : field[..80] + "…";
}

/// <summary>What request headers ask for.</summary>
internal static class RequestHeaders
{
    /// <summary>The longest that <c>Prefer: wait</c> holds a connection; hosts in front of this one give up after 230 seconds.</summary>
    public const int MaxWaitSeconds = 120;

    /// <summary>RFC 7240: how long the client would wait for the end, zero when it says nothing of it. <c>respond-async, wait=10</c> waits 10 seconds and is then answered 202.</summary>
    public static TimeSpan Wait(string? prefer)
    {
        foreach (var preference in (prefer ?? "").Split([',', ';'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (preference.StartsWith("wait=", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(preference["wait=".Length..].Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                return TimeSpan.FromSeconds(Math.Min(seconds, MaxWaitSeconds));
        }

        return TimeSpan.Zero;
    }

    /// <summary>The key of an <c>Idempotency-Key</c> header, which is a quoted string by the draft and a bare one in practice; null for none.</summary>
    /// <exception cref="ApiException">It is longer than 255 characters or not visible ASCII.</exception>
    public static string? IdempotencyKey(string? header)
    {
        if (header is null)
            return null;
        var key = header.Length >= 2 && header[0] == '"' && header[^1] == '"' ? header[1..^1] : header;
        return key.Length is > 0 and <= 255 && !key.AsSpan().ContainsAnyExceptInRange(' ', '~')
            ? key
            : throw ApiException.BadRequest("Idempotency-Key", "The Idempotency-Key takes 1…255 visible ASCII characters.");
    }
}

/// <summary>What the query of a request asks for.</summary>
internal static class RequestQuery
{
    private const int MaxReasons = 32;
    private const int MaxCharacters = 40;

    /// <summary>The reason codes of a retry, given as <c>?reason=oom,timeout</c> or one by one.</summary>
    /// <exception cref="ApiException">There is none, there are more than 32, or one is not a code.</exception>
    public static IReadOnlyList<string> Reasons(HttpRequest request)
    {
        string[] reasons = [.. request.Query["reason"].SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
        return reasons.Length is > 0 and <= MaxReasons && Array.TrueForAll(reasons, IsCode)
            ? reasons
            : throw ApiException.BadRequest("reason", "Name the reasons that are tried again, such as ?reason=oom,timeout; the report lists which there are.");
    }

    private static bool IsCode(string reason) => reason.Length <= MaxCharacters && reason.All(letter => letter is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_');
}
