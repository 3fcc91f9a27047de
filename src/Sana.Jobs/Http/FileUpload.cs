using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Sana.Jobs.Requests;

namespace Sana.Jobs.Http;

/// <summary>Reads the form of an upload as it comes: the file goes straight to its blob, whatever its size.</summary>
/// <param name="parts">The limit and the clock.</param>
/// <param name="files">Where it goes.</param>
internal sealed class FileUpload(ApiParts parts, StoredFiles files)
{
    private const int MaxField = 256;
    private const int MaxName = 255;

    /// <summary>Beside the file: its form.</summary>
    private const long FormBytes = 64 << 10;

    private readonly string _id = StoredFiles.NewId(parts.Clock.GetUtcNow(), $"{Guid.NewGuid()}");
    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    private string? _name;

    /// <summary>The file, once it is there whole.</summary>
    /// <exception cref="ApiException">The form is none, lacks a field or has one that is not known, or the file is too large; then nothing is left of it.</exception>
    public async Task<StoredFile> Receive(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || type.MediaType != "multipart/form-data" || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 and <= 200 } boundary)
            throw new ApiException(415, "unsupported_media_type", "The body is not a form; send multipart/form-data with the fields purpose and file.");
        if (request.ContentLength > parts.MaxFileBytes + FormBytes)
            throw TooLarge();
        // The host's own limit is for bodies that stand in memory.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } host)
            host.MaxRequestBodySize = parts.MaxFileBytes + FormBytes;
        var cancellation = request.HttpContext.RequestAborted;
        try
        {
            var reader = new MultipartReader(boundary, request.Body);
            while (await Sent(() => reader.ReadNextSectionAsync(cancellation)) is { } section)
                await Take(section, cancellation);
            return await files.Describe(Described(), cancellation);
        }
        catch when (_name is not null)
        {
            await files.Delete(_id, CancellationToken.None);
            throw;
        }
    }

    private async Task Take(MultipartSection section, CancellationToken cancellationToken)
    {
        var place = section.GetContentDispositionHeader();
        var field = HeaderUtilities.RemoveQuotes(place?.Name ?? default).Value ?? "";
        if (field == "file")
        {
            if (_name is not null)
                throw ApiException.BadRequest("file", "The field 'file' is given twice; upload one file at a time.");
            _name = Name(HeaderUtilities.RemoveQuotes(place!.FileNameStar.HasValue ? place.FileNameStar : place.FileName).Value);
            var isBegun = false;
            await files.WriteContent(_id, (target, cancellation) =>
            {
                // The place begins once more where its folder vanished under it; what was sent is read once.
                if (isBegun)
                    throw Disturbed();
                isBegun = true;
                return Copy(section.Body, target, cancellation);
            }, cancellationToken);
        }
        else if (field is not ("purpose" or "expires_after[anchor]" or "expires_after[seconds]"))
        {
            throw ApiException.Invalid(Name(field), $"There is no field '{Name(field)}' here; the fields are purpose, file, expires_after[anchor] and expires_after[seconds].", openAICode: "unknown_parameter");
        }
        else if (!_fields.TryAdd(field, await Text(field, section.Body, cancellationToken)))
        {
            throw ApiException.BadRequest(field, $"The field '{field}' is given twice.");
        }
    }

    private StoredFile Described()
    {
        if (_name is null)
            throw ApiException.Missing("file");
        if (!_fields.TryGetValue("purpose", out var purpose))
            throw ApiException.Missing("purpose", ": it is batch or vision");
        if (purpose is not (StoredFile.Batch or StoredFile.Vision))
            throw ApiException.BadRequest("purpose", $"purpose {Name(purpose)} is not known here; files are uploaded for batches: purpose is batch, or vision for a picture that lines name.");
        var created = parts.Clock.GetUtcNow().UtcDateTime;
        return new StoredFile(_id, 0, created, _name, purpose) { ExpiresAt = Expiry() is { } expiry ? created.AddSeconds(expiry.Seconds) : null };
    }

    private FileExpiry? Expiry()
    {
        var (anchor, seconds) = (_fields.GetValueOrDefault("expires_after[anchor]"), _fields.GetValueOrDefault("expires_after[seconds]"));
        if (anchor is null && seconds is null)
            return null;
        return UploadedBatchesApi.Check("expires_after", new FileExpiry(anchor ?? "created_at", int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0));
    }

    private async Task Copy(Stream source, Stream target, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        for (var length = 0L; await Sent(async () => await source.ReadAsync(buffer, cancellationToken)) is > 0 and var read;)
        {
            if ((length += read) > parts.MaxFileBytes)
                throw TooLarge();
            await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }
    }

    private static async Task<string> Text(string field, Stream source, CancellationToken cancellationToken)
    {
        var bytes = new byte[MaxField + 1];
        var length = await Sent(async () => await source.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken));
        return length <= MaxField ? Encoding.UTF8.GetString(bytes, 0, length) : throw ApiException.BadRequest(field, $"The field '{field}' is longer than {MaxField} bytes.");
    }

    /// <summary>What reading the request's body gives. What is wrong with it is the sender's fault and not the place's that it is written to.</summary>
    private static async Task<T> Sent<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (BadHttpRequestException error) when (error.StatusCode == 413)
        {
            throw new ApiException(413, "body_too_large", "The body is larger than the server takes.");
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw ApiException.BadRequest(null, "The form cannot be read; is it whole, and does its boundary stand at its end?");
        }
    }

    private ApiException TooLarge() => new(413, "body_too_large", $"The file is larger than {parts.MaxFileBytes} bytes; send lines in several files, or a smaller picture.");

    private static ApiException Disturbed() => new(503, "storage", "The file could not be written at once; send it again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    private static string Name(string? text) => new([.. (text is { Length: > 0 } ? text : "file.jsonl").Where(letter => !char.IsControl(letter)).Take(MaxName)]);
}
