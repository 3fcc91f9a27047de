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
        Converters = { new WholeNumber<int>(), new WholeNumber<long>(), new WholeNumber<ulong>() },
        // The last field of an object may have been a null, which is blanked; whether a body is JSON was judged before.
        AllowTrailingCommas = true,
        // Bodies are declared as JSON and not to be sniffed: prompts stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads a JSON body of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="ApiException">415, 413, 400 for what is no JSON, 422 for a field that is unknown, missing or of another type.</exception>
    public static async Task<T> Read<T>(HttpRequest request, int limit)
        where T : class => Parse<T>((await Body(request, limit)).Span);

    /// <summary>The bytes of a body of at most <paramref name="limit"/> bytes, without the byte order mark that some clients write.</summary>
    /// <exception cref="ApiException">415 or 413.</exception>
    public static async Task<Memory<byte>> Body(HttpRequest request, int limit)
    {
        // Only what a page of another origin cannot send without being asked: a form or plain text could come from anywhere.
        if (!request.HasJsonContentType())
            throw new ApiException(415, "unsupported_media_type", "The body is not declared as JSON; send Content-Type: application/json.");
        var body = await Bytes(request, limit);
        return body.Span.StartsWith("\uFEFF"u8) ? body[3..] : body;
    }

    /// <summary>What a body says. A field that is null is one that is missing; it is blanked in <paramref name="body"/>.</summary>
    /// <exception cref="ApiException">400 for what is no JSON, 422 for a field that is unknown, missing or of another type.</exception>
    public static T Parse<T>(Span<byte> body)
        where T : class
    {
        foreach (var blank in NullFields(body))
            body[blank].Fill((byte)' ');
        try
        {
            return JsonSerializer.Deserialize<T>(body, Options) ?? throw ApiException.BadRequest(null, "The body is null; send an object.");
        }
        catch (JsonException error)
        {
            throw JsonFault.Explain(body, typeof(T), error);
        }
        catch (InvalidOperationException)
        {
            throw ApiException.BadRequest(null, "The body has a text that is not whole Unicode.");
        }
    }

    public static IResult Result<T>(T value, int status = 200) => TypedResults.Json(value, Options, "application/json", status);

    private static async Task<Memory<byte>> Bytes(HttpRequest request, int limit)
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

    /// <summary>Where fields stand whose value is null, each with the comma behind it.</summary>
    /// <exception cref="ApiException">The body is no JSON.</exception>
    private static List<Range> NullFields(ReadOnlySpan<byte> body)
    {
        var (found, name) = (new List<Range>(), -1);
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 32 });
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.Null && name >= 0)
                    found.Add(name..PastComma(body, (int)reader.BytesConsumed));
                name = reader.TokenType == JsonTokenType.PropertyName ? (int)reader.TokenStartIndex : -1;
            }

            return found;
        }
        catch (JsonException error)
        {
            throw ApiException.BadRequest(null, body.IsEmpty
                ? "The body is empty; send a JSON object."
                : $"The body is not JSON: line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}.");
        }
    }

    private static int PastComma(ReadOnlySpan<byte> body, int end)
    {
        var next = body[end..].IndexOfAnyExcept(" \t\r\n"u8);
        return next >= 0 && body[end + next] == (byte)',' ? end + next + 1 : end;
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
