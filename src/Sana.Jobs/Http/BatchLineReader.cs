using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Requests;
using Sana.Storage;

namespace Sana.Jobs.Http;

/// <summary>One line of an uploaded file.</summary>
/// <param name="Number">From 1.</param>
/// <param name="CustomId">The client's own id.</param>
/// <param name="Body">The request, as it stands there.</param>
internal sealed record BatchLine(int Number, string CustomId, ReadOnlyMemory<byte> Body)
{
    /// <summary>As a line of a chunk.</summary>
    public void WriteTo(Stream stream)
    {
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("line", Number);
            json.WriteString("custom_id", CustomId);
            json.WritePropertyName("body");
            json.WriteRawValue(Body.Span, skipInputValidation: true);
            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    }

    /// <summary>The lines of a chunk.</summary>
    public static IReadOnlyList<BatchLine> ReadAll(byte[] chunk)
    {
        var lines = new List<BatchLine>();
        for (var start = 0; start < chunk.Length;)
        {
            var end = Array.IndexOf(chunk, (byte)'\n', start);
            lines.Add(Read(chunk.AsMemory(start, end - start)));
            start = end + 1;
        }

        return lines;
    }

    /// <summary>From a line of a chunk.</summary>
    public static BatchLine Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var row = document.RootElement;
        return new BatchLine(row.GetProperty("line").GetInt32(), row.GetProperty("custom_id").GetString()!, JsonMarshal.GetRawUtf8Value(row.GetProperty("body")).ToArray());
    }
}

/// <summary>What lines may ask: each endpoint with what reads a body for it, the same that reads it at the door.</summary>
internal static class BatchEndpoints
{
    private static readonly Dictionary<string, Func<Memory<byte>, ImagesRequestReader>> Readers = new(StringComparer.Ordinal)
    {
        ["/v1/images/generations"] = body => Images(ApiJson.Parse<ImagesRequest>(body.Span), start: null),
        [BatchPictures.Endpoint] = body => Edits(ApiJson.Parse<ImagesRequest>(body.Span)),
    };

    /// <summary>The endpoints, for sentences.</summary>
    public static string Names => string.Join(", ", Readers.Keys);

    public static bool Has(string endpoint) => Readers.ContainsKey(endpoint);

    /// <summary>What a line asks for. Answers hold links unless it says otherwise: 50,000 images in one file are gigabytes.</summary>
    /// <exception cref="ApiException">A value cannot be used.</exception>
    public static ImagesRequestReader Read(string endpoint, ReadOnlyMemory<byte> body) => Readers[endpoint](body.ToArray());

    private static ImagesRequestReader Edits(ImagesRequest asked) => Images(asked, BatchPictures.Read(asked));

    private static ImagesRequestReader Images(ImagesRequest asked, StartImage? start) => asked.Stream == true
        ? throw ApiException.BadRequest("stream", "stream is true; a line of a batch is answered in one piece: leave it out.")
        : new ImagesRequestReader(asked with { ResponseFormat = ImageWords.Given(asked.ResponseFormat) ?? "url" }, deployment: null, start is null ? null : new StartFiles(start, []));
}

/// <summary>Reads an uploaded file line by line. A file has no faults or is not used: they are collected, the first hundred with their lines. Memory is that of one line and of a hash for each id.</summary>
/// <param name="endpoint">What every line has to ask.</param>
internal sealed class BatchLineReader(string endpoint)
{
    /// <summary>Lines of one file.</summary>
    public const int MaxLines = 50_000;

    private const int MaxListed = 100;
    private const int MaxIdLength = 512;

    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 32 };

    private readonly HashSet<UInt128> _ids = [];
    private readonly List<UploadedBatchError> _listed = [];

    /// <summary>How many faults there are, also those that are not listed.</summary>
    public int Faults { get; private set; }

    /// <summary>Lines that are not blank.</summary>
    public int Lines { get; private set; }

    /// <summary>The faults, with a last one that counts those that are not listed.</summary>
    public IReadOnlyList<UploadedBatchError> Listed => Faults == _listed.Count
        ? _listed
        : [.. _listed, new UploadedBatchError("more_errors", $"{Counted.Of(Faults - _listed.Count, "further line")} cannot be used.")];

    /// <summary>The lines that can be used, in order.</summary>
    public IEnumerable<BatchLine> Read(Stream stream)
    {
        foreach (var (number, bytes, tooLong) in PromptLines.Read(stream))
        {
            if (!tooLong && bytes.Span.IndexOfAnyExcept(" \t"u8) < 0)
                continue;
            if (++Lines > MaxLines)
            {
                Add(new UploadedBatchError("too_many_lines", $"The file has more than {MaxLines} lines; send it in parts."));
                yield break;
            }

            var (line, fault) = tooLong
                ? (null, new UploadedBatchError("line_too_long", $"The line is longer than {PromptLines.MaxBytes} bytes{(endpoint == BatchPictures.Endpoint ? $"; upload its picture with POST /v1/files and purpose {StoredFile.Vision}, and name the file_id" : "")}."))
                : Line((int)number, bytes);
            if (fault is not null)
                Add(fault with { Line = (int)number });
            else
                yield return line!;
        }

        if (Lines == 0)
            Add(new UploadedBatchError("empty_file", "The file has no lines; each is a JSON object with custom_id, method, url and body."));
    }

    /// <summary>Notes a fault.</summary>
    public void Add(UploadedBatchError fault)
    {
        if (Faults++ < MaxListed)
            _listed.Add(fault);
    }

    private (BatchLine? Line, UploadedBatchError? Fault) Line(int number, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, Depth);
            var fault = Fault(document.RootElement);
            return fault is null
                ? (new BatchLine(number, document.RootElement.GetProperty("custom_id").GetString()!, JsonMarshal.GetRawUtf8Value(document.RootElement.GetProperty("body")).ToArray()), null)
                : (null, fault);
        }
        catch (JsonException error)
        {
            return (null, new UploadedBatchError("invalid_json_line", $"The line is not JSON: byte {error.BytePositionInLine + 1}."));
        }
        catch (InvalidOperationException)
        {
            return (null, new UploadedBatchError("invalid_json_line", "The line has a text that is not whole Unicode."));
        }
    }

    private UploadedBatchError? Fault(JsonElement line)
    {
        if (line.ValueKind != JsonValueKind.Object)
            return new UploadedBatchError("invalid_json_line", "The line is not a JSON object with custom_id, method, url and body.");
        if (line.EnumerateObject().FirstOrDefault(field => field.Name is not ("custom_id" or "method" or "url" or "body")) is { Value.ValueKind: not JsonValueKind.Undefined } other)
            return new UploadedBatchError("unknown_parameter", $"There is no field '{Short(other.Name)}' here; a line has custom_id, method, url and body.", Param: Short(other.Name));
        if (Text(line, "custom_id") is not { Length: > 0 and <= MaxIdLength } id)
            return new UploadedBatchError("invalid_custom_id", $"custom_id is a text of 1…{MaxIdLength} characters.", Param: "custom_id");
        if (Text(line, "method") is not "POST")
            return new UploadedBatchError("invalid_method", "method is POST.", Param: "method");
        if (Text(line, "url") is var url && url != endpoint)
            return new UploadedBatchError("mismatched_url", $"url is {(url is null ? "missing" : Short(url))}, and the batch is for {endpoint}.", Param: "url");
        if (!line.TryGetProperty("body", out var body) || body.ValueKind != JsonValueKind.Object)
            return new UploadedBatchError("invalid_body", "body is not an object.", Param: "body");
        return _ids.Add(MemoryMarshal.Read<UInt128>(SHA256.HashData(Encoding.UTF8.GetBytes(id))))
            ? null
            : new UploadedBatchError("duplicate_custom_id", $"custom_id {Short(id)} is that of an earlier line.", Param: "custom_id");
    }

    private static string? Text(JsonElement line, string name) => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string Short(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
