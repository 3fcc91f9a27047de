using System.Runtime.InteropServices;
using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// The pictures that rows of a list begin from: <c>image</c> and <c>mask</c> are files of this machine. They are read when a run is submitted and kept under their hashes, and the rows go on with the hashes in their
/// place. So a run depends on what the pictures hold and not on where they are, and no other way in reads a path of a row.
/// </summary>
public static class RowPictures
{
    /// <summary>Takes the pictures of the rows of a list of JSON lines. A picture that cannot be used rejects its row.</summary>
    /// <param name="prompts">The list.</param>
    /// <param name="folder">What relative paths count from.</param>
    /// <param name="blobs">Where pictures are kept.</param>
    /// <param name="cancellationToken">Stops between rows.</param>
    /// <returns>The list with hashes; itself where no row names a picture.</returns>
    /// <exception cref="SanaException">The blobs cannot be written.</exception>
    public static async Task<PromptFile> Take(PromptFile prompts, string folder, IBlobs blobs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(blobs);
        if (prompts.IsText || !prompts.Rows().Any(row => row.Prompt?.Picture is not null))
            return prompts;
        // Many rows may begin from one picture: it is read once.
        var (lines, known) = (new Spool(), new Dictionary<RowPicture, (StartImage? Start, string? Fault)>());
        await using var bytes = prompts.OpenBytes();
        foreach (var (number, line, tooLong) in PromptLines.Read(bytes))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (tooLong)
                lines.Write(new byte[PromptLines.MaxBytes + 1]);
            else if (PromptJson.Read(number, line, isStrict: false).Prompt?.Picture is not { } picture)
                lines.Write(line.Span);
            else
                Rewrite(lines, line, known.TryGetValue(picture, out var taken) ? taken : known[picture] = await Read(picture, folder, blobs, cancellationToken));
            lines.WriteByte((byte)'\n');
        }

        return prompts.Rewritten(lines);
    }

    /// <summary>What a row has in the place of its picture; null when that is no hash.</summary>
    internal static StartImage? Taken(JsonElement start)
    {
        var (sha256, mask) = (Text("sha256"), Text("mask_sha256"));
        return StartImages.IsHash(sha256) && (mask is null || StartImages.IsHash(mask)) ? new StartImage(sha256!, Side("width"), Side("height")) { MaskSha256 = mask } : null;

        string? Text(string name) => start.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetRawText().Trim('"') : null;

        int Side(string name) => start.TryGetProperty(name, out var side) && side.ValueKind == JsonValueKind.Number && side.TryGetInt32(out var pixels) && pixels > 0 ? pixels : 0;
    }

    private static async Task<(StartImage? Start, string? Fault)> Read(RowPicture picture, string folder, IBlobs blobs, CancellationToken cancellationToken)
    {
        try
        {
            var (image, mask) = (await File("image", picture.Image, folder, cancellationToken), picture.Mask is { } path ? await File("mask", path, folder, cancellationToken) : null);
            var start = await Task.Run(() => StartImages.Open(image, mask, strength: null), cancellationToken);
            await start.Write(blobs, cancellationToken);
            return (start.Image with { Pixels = null }, null);
        }
        catch (InferenceException error)
        {
            return (null, error.Message);
        }
    }

    private static async Task<byte[]> File(string field, string path, string folder, CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileInfo(Path.Combine(folder, path));
            return file.Length <= StartImages.MostBytes
                ? await System.IO.File.ReadAllBytesAsync(file.FullName, cancellationToken)
                : throw new InferenceException($"The {field} '{path}' has {file.Length} bytes; the limit is {StartImages.MostBytes}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new InferenceException($"The {field} '{path}' cannot be read: {error.Message}", error);
        }
    }

    private static void Rewrite(Spool lines, ReadOnlyMemory<byte> line, (StartImage? Start, string? Fault) taken)
    {
        using var document = JsonDocument.Parse(line);
        using var json = new Utf8JsonWriter(lines);
        json.WriteStartObject();
        Fields(json, document.RootElement);
        if (taken.Start is { } start)
        {
            json.WriteStartObject(PromptFields.StartImage);
            json.WriteString("sha256", start.Sha256);
            json.WriteNumber("width", start.Width);
            json.WriteNumber("height", start.Height);
            if (start.MaskSha256 is { } mask)
                json.WriteString("mask_sha256", mask);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString(PromptFields.PictureFault, taken.Fault);
        }

        json.WriteEndObject();
    }

    // A line of OpenAI's batch format has its fields in a body.
    private static void Fields(Utf8JsonWriter json, JsonElement row)
    {
        foreach (var field in row.EnumerateObject().Where(field => PromptFields.Canonical(field.Name) is not ("image" or "mask")))
        {
            json.WritePropertyName(field.Name);
            if (field.NameEquals("body") && field.Value.ValueKind == JsonValueKind.Object)
            {
                json.WriteStartObject();
                Fields(json, field.Value);
                json.WriteEndObject();
            }
            else
            {
                json.WriteRawValue(JsonMarshal.GetRawUtf8Value(field.Value), skipInputValidation: true);
            }
        }
    }
}

/// <summary>The picture of a row, as paths.</summary>
/// <param name="Image">What it begins from.</param>
/// <param name="Mask">Where it may be painted over; null for everywhere.</param>
public sealed record RowPicture(string Image, string? Mask);
