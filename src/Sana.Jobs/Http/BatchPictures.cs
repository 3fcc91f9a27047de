using System.Runtime.InteropServices;
using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Requests;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Http;

/// <summary>
/// The pictures of lines for <c>/v1/images/edits</c>, as OpenAI's JSON has them: <c>images</c>, a list of one <c>{"image_url": "data:…"}</c> or <c>{"file_id": "file-…"}</c>, and <c>mask</c>, one of these; beside them
/// <c>strength</c>. They are decoded when the file is checked and kept under their hashes: lines are handed on with the hashes in their place.
/// </summary>
/// <param name="blobs">Where pictures are kept.</param>
/// <param name="files">Where uploaded files are.</param>
internal sealed class BatchPictures(IBlobs blobs, StoredFiles files)
{
    /// <summary>The endpoint whose lines have pictures.</summary>
    public const string Endpoint = "/v1/images/edits";

    private const string Taken = "start_image", Images = "images", Mask = "mask", Strength = "strength";

    // Many lines may change the same picture: it is decoded once.
    private readonly Dictionary<(string Image, string? Mask), StartImage> _known = [];

    /// <summary>Takes the pictures out of a line.</summary>
    /// <returns>The line with their hashes, or what is wrong with them.</returns>
    public async Task<(BatchLine? Line, UploadedBatchError? Fault)> Take(BatchLine line, CancellationToken cancellationToken)
    {
        try
        {
            using var body = JsonDocument.Parse(line.Body);
            var fields = body.RootElement.EnumerateObject().ToArray();
            var start = await Start(fields, cancellationToken);
            return (line with { Body = Rewritten(fields, start) }, null);
        }
        catch (ApiException fault)
        {
            return (null, new UploadedBatchError("invalid_image", fault.Message, Param: fault.Field));
        }
        catch (InvalidOperationException)
        {
            return (null, new UploadedBatchError("invalid_json_line", "The line has a text that is not whole Unicode."));
        }
    }

    /// <summary>The picture of a line that was taken out of it, which is removed from the fields.</summary>
    public static StartImage? Read(ImagesRequest asked) =>
        asked.Others?.Remove(Taken, out var start) == true ? start.Deserialize<StartImage>(ApiJson.Options) : null;

    /// <summary>The blobs that a line's picture needs.</summary>
    public static IReadOnlyList<string> BlobsOf(BatchLine line)
    {
        using var body = JsonDocument.Parse(line.Body);
        return body.RootElement.TryGetProperty(Taken, out var start) ? StartImages.BlobsOf(start.Deserialize<StartImage>(ApiJson.Options)!) : [];
    }

    private async Task<StartImage> Start(JsonProperty[] fields, CancellationToken cancellationToken)
    {
        if (Array.Exists(fields, field => field.NameEquals(Taken)))
            throw ApiException.BadRequest(Taken, $"There is no field '{Taken}' here; send the picture in {Images}.");
        if (Array.Exists(fields, field => field.NameEquals("image")))
            throw ApiException.BadRequest("image", $"image is a file of a form; a line has {Images}, a list of one {{\"image_url\": \"data:…\"}} or {{\"file_id\": \"file-…\"}}.");
        var images = Field(fields, Images);
        if (images is not { ValueKind: JsonValueKind.Array })
            throw ApiException.BadRequest(Images, $"{Images} is {(images is null ? "missing" : "not a list")}; it is a list of one {{\"image_url\": \"data:…\"}} or {{\"file_id\": \"file-…\"}}.");
        if (images.Value.GetArrayLength() is not 1 and var count)
            throw ApiException.BadRequest(Images, $"{Images} has {count} pictures; one is taken.");
        var image = await Picture(Images, images.Value[0], cancellationToken);
        var mask = Field(fields, Mask) is { } given ? await Picture(Mask, given, cancellationToken) : null;
        var start = await Known(image, mask, cancellationToken);
        return start with { Strength = Field(fields, Strength) is { } strength ? Number(strength) : null };
    }

    private async Task<StartImage> Known(byte[] image, byte[]? mask, CancellationToken cancellationToken)
    {
        var key = (Digest.Sha256(image), mask is null ? null : Digest.Sha256(mask));
        if (_known.TryGetValue(key, out var known))
            return known;
        try
        {
            var start = await Task.Run(() => StartImages.Open(image, mask, strength: null, hasOwnMask: true), cancellationToken);
            await start.Write(blobs, cancellationToken);
            return _known[key] = start.Image with { Pixels = null };
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid(error.Message.StartsWith("Mask", StringComparison.Ordinal) ? Mask : Images, error.Message);
        }
    }

    private async Task<byte[]> Picture(string field, JsonElement picture, CancellationToken cancellationToken)
    {
        if (picture.ValueKind != JsonValueKind.Object || picture.EnumerateObject().ToArray() is not [{ Value.ValueKind: JsonValueKind.String } only] || only.Name is not ("image_url" or "file_id"))
            throw ApiException.BadRequest(field, $"A picture of {field} is an object with either image_url or file_id, a text.");
        var text = only.Value.GetString()!;
        return only.Name == "file_id" ? await Uploaded(field, text, cancellationToken) : FromUrl(field, text);
    }

    private static byte[] FromUrl(string field, string url)
    {
        const string marker = ";base64,";
        var at = url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) ? url.IndexOf(marker, StringComparison.OrdinalIgnoreCase) : -1;
        if (at < 0)
            throw ApiException.BadRequest(field, $"image_url of {field} is {Shown(url)}; addresses are not read: send data:image/png;base64,… or upload the picture with POST /v1/files and name its file_id.");
        var bytes = new byte[(url.Length - at) * 3 / 4];
        return Convert.TryFromBase64Chars(url.AsSpan(at + marker.Length), bytes, out var length)
            ? bytes[..length]
            : throw ApiException.BadRequest(field, $"image_url of {field} is not base64 after {marker}");
    }

    private async Task<byte[]> Uploaded(string field, string id, CancellationToken cancellationToken)
    {
        if (await files.Find(id, cancellationToken) is not { } file || await files.Open(file, cancellationToken) is not { } stream)
            throw ApiException.BadRequest(field, $"There is no file {Shown(id)}, which {field} names; upload it with POST /v1/files and purpose {StoredFile.Vision}.");
        await using var closed = stream;
        if (file.Purpose != StoredFile.Vision)
            throw ApiException.BadRequest(field, $"File {file.Id}, which {field} names, has the purpose {file.Purpose}; a picture is one of the purpose {StoredFile.Vision}.");
        if (file.Bytes > StartImages.MostBytes)
            throw ApiException.BadRequest(field, $"File {file.Id}, which {field} names, has {file.Bytes} bytes; a picture has at most {StartImages.MostBytes}.");
        var bytes = new byte[file.Bytes];
        await stream.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    private static double Number(JsonElement strength) => strength.ValueKind == JsonValueKind.Number && strength.TryGetDouble(out var number) && number is > 0 and <= 1
        ? number
        : throw ApiException.BadRequest(Strength, $"strength {Shown(strength.GetRawText())} is not a number above 0 and up to 1; use 0.6.");

    // A field that is null is one that is missing.
    private static JsonElement? Field(JsonProperty[] fields, string name)
    {
        var given = Array.FindAll(fields, field => field.NameEquals(name));
        if (given.Length > 1)
            throw ApiException.BadRequest(name, $"The field '{name}' is given {given.Length} times.");
        return given is [{ Value.ValueKind: not JsonValueKind.Null } only] ? only.Value : null;
    }

    // Everything else stays as it was written, and is read when the line is drawn.
    private static byte[] Rewritten(JsonProperty[] fields, StartImage start)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var field in fields.Where(field => !field.NameEquals(Images) && !field.NameEquals(Mask) && !field.NameEquals(Strength)))
            {
                json.WritePropertyName(field.Name);
                json.WriteRawValue(JsonMarshal.GetRawUtf8Value(field.Value), skipInputValidation: true);
            }

            json.WritePropertyName(Taken);
            JsonSerializer.Serialize(json, start, ApiJson.Options);
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static string Shown(string text) => new([.. (text.Length <= 60 ? text : text[..60] + "…").Where(letter => !char.IsControl(letter))]);
}
