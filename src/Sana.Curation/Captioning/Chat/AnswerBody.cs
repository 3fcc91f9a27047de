using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// The bytes of an answer as text: unpacked whatever they were packed with, in the encoding that their mark names, and where a server or a proxy sent a stream of
/// events although none was asked for, its pieces put together.
/// </summary>
internal static class AnswerBody
{
    /// <summary>A long caption is 10 kB; no real answer is larger than this, packed or not.</summary>
    internal const int MostBytes = 2_000_000;

    /// <summary>Reads and unpacks the body of an answer.</summary>
    /// <exception cref="EndpointFault">It is too big, broken off, or packed in an unknown way.</exception>
    public static async Task<string> Read(HttpContent content, CancellationToken cancellationToken)
    {
        try
        {
            using var packed = await content.ReadAsStreamAsync(cancellationToken);
            var bytes = await Bounded(packed, cancellationToken);
            foreach (var encoding in content.Headers.ContentEncoding.Reverse())
                bytes = await Unpacked(bytes, encoding.ToLowerInvariant(), cancellationToken);
            if (bytes is [0x1f, 0x8b, ..])
                bytes = await Unpacked(bytes, "gzip", cancellationToken);
            return Text(bytes);
        }
        catch (InvalidDataException)
        {
            throw EndpointFault.BadAnswer($"The answer cannot be unpacked ({string.Join(", ", content.Headers.ContentEncoding)}).");
        }
        catch (Exception error) when (error is IOException or HttpRequestException)
        {
            throw EndpointFault.BadAnswer("The answer broke off before its end.");
        }
    }

    /// <summary>The JSON of an answer; null when it is none.</summary>
    /// <exception cref="EndpointFault">It is a stream that broke off.</exception>
    public static JsonNode? Json(string text)
    {
        try
        {
            return IsStream(text) ? Joined(text) : JsonNode.Parse(text);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            return null;
        }
    }

    // Lines of an event stream, comments that keep the connection alive among them.
    private static bool IsStream(string text)
    {
        var start = text.AsSpan().TrimStart();
        return start.StartsWith("data:", StringComparison.Ordinal) || start.StartsWith("event:", StringComparison.Ordinal) || start.StartsWith(":", StringComparison.Ordinal) || start.StartsWith("id:", StringComparison.Ordinal);
    }

    private static JsonObject? Joined(string text)
    {
        JsonObject? answer = null;
        var (content, refusal, thoughts) = (new StringBuilder(), new StringBuilder(), new StringBuilder());
        JsonNode? usage = null;
        string? finish = null;
        var isDone = false;
        foreach (var line in text.Split('\n'))
        {
            var data = line.TrimEnd('\r').StartsWith("data:", StringComparison.Ordinal) ? line[5..].Trim() : null;
            // Proxies write comments before a whole answer too.
            data ??= line.TrimStart().StartsWith('{') ? line.Trim() : "";
            isDone |= data == "[DONE]";
            if (data.Length == 0 || data == "[DONE]" || JsonNode.Parse(data) is not JsonObject part)
                continue;
            if (part["error"] is not null || ((part["choices"] as JsonArray)?.FirstOrDefault() is JsonObject { } whole && whole["message"] is JsonObject { Count: > 0 } && whole["delta"] is null))
                return part;
            answer ??= part;
            usage = part["usage"] ?? usage;
            if ((part["choices"] as JsonArray)?.FirstOrDefault() is not JsonObject choice)
                continue;
            finish = ChatAnswer.Word(choice["finish_reason"]) ?? finish;
            if (choice["delta"] is not JsonObject delta)
                continue;
            content.Append(ChatAnswer.Content(delta["content"]));
            refusal.Append(ChatAnswer.Word(delta["refusal"]));
            thoughts.Append(ChatAnswer.Word(delta["reasoning_content"]) ?? ChatAnswer.Word(delta["reasoning"]));
        }

        if (answer is null)
            return null;
        if (finish is null && !isDone)
            throw EndpointFault.BadAnswer("The answer came as a stream of events and broke off before its end.");
        return new JsonObject
        {
            ["choices"] = new JsonArray(new JsonObject
            {
                ["finish_reason"] = finish,
                ["message"] = new JsonObject { ["content"] = content.ToString(), ["refusal"] = refusal.Length > 0 ? refusal.ToString() : null, ["reasoning_content"] = thoughts.ToString() },
            }),
            ["usage"] = usage?.DeepClone(),
        };
    }

    private static async Task<byte[]> Unpacked(byte[] packed, string encoding, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream(packed);
        using Stream? unpacked = encoding switch
        {
            "gzip" or "x-gzip" => new GZipStream(bytes, CompressionMode.Decompress),
            // The standard's deflate has zlib's head, what some servers send has none.
            "deflate" => packed is [0x78, ..] ? new ZLibStream(bytes, CompressionMode.Decompress) : new DeflateStream(bytes, CompressionMode.Decompress),
            "br" => new BrotliStream(bytes, CompressionMode.Decompress),
            "identity" or "" => null,
            _ => throw EndpointFault.BadAnswer($"The answer is packed as {EndpointMessage.Plain(encoding, key: null)}; gzip, deflate and br can be read.", retryable: false),
        };
        return unpacked is null ? packed : await Bounded(unpacked, cancellationToken);
    }

    private static async Task<byte[]> Bounded(Stream from, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        var buffer = new byte[16_384];
        while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (body.Length + read > MostBytes)
                throw EndpointFault.BadAnswer($"The answer has more than {MostBytes} bytes.", retryable: false);
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }

    private static string Text(byte[] bytes) => bytes switch
    {
        [0xef, 0xbb, 0xbf, ..] => Encoding.UTF8.GetString(bytes.AsSpan(3)),
        [0xff, 0xfe, ..] => Encoding.Unicode.GetString(bytes.AsSpan(2)),
        [0xfe, 0xff, ..] => Encoding.BigEndianUnicode.GetString(bytes.AsSpan(2)),
        _ => Encoding.UTF8.GetString(bytes),
    };
}
