using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Sana.Inference;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;

namespace Sana.Jobs.Http;

/// <summary>What a form asks for.</summary>
internal enum PictureUse
{
    /// <summary>Images from words, which may follow a control image.</summary>
    Generation,

    /// <summary>A picture that a prompt changes.</summary>
    Edit,

    /// <summary>A picture without words: there is no prompt to give, and no mask.</summary>
    Variation,
}

/// <summary>The form by which OpenAI's clients send a picture: its fields are those of <see cref="ImagesRequest"/>, with <c>strength</c> and the file <c>control_image</c> beside them.</summary>
/// <param name="Asked">The fields.</param>
/// <param name="Start">The picture and its mask; null of a generation.</param>
/// <param name="Control">The picture that a control network reads; null for none.</param>
/// <param name="Said">All of it as bytes: equal forms are equal bytes, whatever parts them.</param>
internal sealed record PictureForm(ImagesRequest Asked, StartFiles? Start, ControlFile? Control, byte[] Said)
{
    private const int FieldLimit = 1 << 20;
    private const int MostFields = 64;

    private const string ControlImage = "control_image";

    private static readonly string[] Pictures = ["image", "image[]", "image[0]"];

    /// <summary>Whether a request is one.</summary>
    public static bool IsSentBy(HttpRequest request) => request.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Reads a form.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">Bytes of the whole body.</param>
    /// <param name="use">What it asks for.</param>
    /// <exception cref="ApiException">413, 415, or a part of it cannot be used.</exception>
    public static async Task<PictureForm> Read(HttpRequest request, long limit, PictureUse use)
    {
        var form = await Form(request, limit);
        var (image, mask, control) = (await File(form, limit, Pictures), await File(form, limit, "mask"), await File(form, limit, ControlImage));
        if (form.Files.FirstOrDefault(file => file.Name is not ("mask" or ControlImage) && !Pictures.Contains(file.Name)) is { } other)
            throw ApiException.BadRequest(Shown(other.Name), $"The form has a file as {Shown(other.Name)}; files are image, mask and {ControlImage}.");
        if (use == PictureUse.Generation && (image ?? mask) is not null)
            throw ApiException.BadRequest(image is null ? "mask" : "image", "A generation begins from no picture; POST /v1/images/edits begins from image, and paints where mask leaves it open.");
        if (use != PictureUse.Generation && image is null)
            throw ApiException.Missing("image", ": send the picture as a file of the form");
        if (use == PictureUse.Variation && mask is not null)
            throw ApiException.BadRequest("mask", "A variation has no mask; POST /v1/images/edits paints what a mask leaves open.");

        var strength = use == PictureUse.Generation ? null : Strength(form["strength"]);
        var fields = Fields(form, use);
        var asked = ApiJson.Parse<ImagesRequest>((byte[])[.. fields]); // which blanks what is null
        var start = image is null ? null : await Open(image, mask, strength, hasOwnMask: use == PictureUse.Edit);
        var picture = control is null ? null : await OpenControl(control);
        var said = string.Create(CultureInfo.InvariantCulture, $"{strength} {start?.Image.Sha256} {start?.Image.MaskSha256} {picture?.Image.Sha256} ");
        return new PictureForm(asked, start, picture, [.. Encoding.ASCII.GetBytes(said), .. fields]);
    }

    private static async Task<IFormCollection> Form(HttpRequest request, long limit)
    {
        if (!request.HasFormContentType || request.ContentType!.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
            throw new ApiException(415, "unsupported_media_type", "The body is no form with files; send Content-Type: multipart/form-data, as OpenAI's clients do.");
        if (request.ContentLength > limit)
            throw TooLarge(limit);
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = limit;
        try
        {
            var options = new FormOptions { MultipartBodyLengthLimit = limit, ValueLengthLimit = FieldLimit, ValueCountLimit = MostFields, KeyLengthLimit = 256 };
            return await request.ReadFormAsync(options, request.HttpContext.RequestAborted);
        }
        catch (InvalidDataException error)
        {
            throw error.Message.Contains("limit", StringComparison.Ordinal) ? TooLarge(limit) : ApiException.BadRequest(null, $"The form cannot be read: {error.Message}");
        }
        catch (BadHttpRequestException error) when (error.StatusCode == 413)
        {
            throw TooLarge(limit);
        }
        catch (IOException error) when (error is not BadHttpRequestException && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw ApiException.BadRequest(null, "The form ends before its end.");
        }
    }

    private static async Task<byte[]?> File(IFormCollection form, long limit, params string[] names)
    {
        IFormFile[] files = [.. form.Files.Where(file => names.Contains(file.Name))];
        if (names.FirstOrDefault(form.ContainsKey) is { } text)
            throw ApiException.BadRequest(names[0], $"{text} is not a file of the form; send the picture itself, with a file name. Addresses are not read.");
        if (files.Length == 0)
            return null;
        if (files.Length > 1)
            throw ApiException.BadRequest(names[0], $"The form has {files.Length} files as {names[0]}; one is taken.");
        if (files[0].Length > StartImages.MostBytes)
            throw TooLarge(Math.Min(limit, StartImages.MostBytes));
        var bytes = new byte[files[0].Length];
        await using var stream = files[0].OpenReadStream();
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    private static async Task<StartFiles> Open(byte[] image, byte[]? mask, double? strength, bool hasOwnMask)
    {
        try
        {
            var start = await Task.Run(() => StartImages.Open(image, mask, strength, hasOwnMask));
            return start with { Image = start.Image with { Pixels = null } };
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid(error.Message.StartsWith("Mask", StringComparison.Ordinal) ? "mask" : "image", error.Message);
        }
    }

    private static async Task<ControlFile> OpenControl(byte[] image)
    {
        try
        {
            return await Task.Run(() => StartImages.OpenControl(image));
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid(ControlImage, error.Message);
        }
    }

    // A form knows texts only: what a field takes as a number, a list or a yes is written as such, so that one reader checks it.
    private static byte[] Fields(IFormCollection form, PictureUse use)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            if (use == PictureUse.Variation && !form.ContainsKey("prompt"))
                json.WriteString("prompt", "");
            foreach (var (name, values) in form.OrderBy(field => field.Key, StringComparer.Ordinal))
            {
                if (name == "strength" && use != PictureUse.Generation)
                    continue;
                if (values.Count != 1)
                    throw Twice(name, values.Count);
                json.WritePropertyName(name);
                Value(json, name, values[0] ?? "");
            }

            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    private static void Value(Utf8JsonWriter json, string name, string text)
    {
        var isText = name is not ("n" or "output_compression" or "partial_images" or "width" or "height" or "num_inference_steps" or "steps" or "guidance_scale" or "cfg_scale" or "seed" or "seeds" or "lora" or "pag" or "control" or "best_of" or "judges" or "stop_at" or "stream" or "enhance_prompt");
        if (name == "control" && text.Length > 0 && text[0] != '{')
            WriteControl(json, text);
        else if (name == "pag" && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var scale) && float.IsFinite(scale))
            WritePag(json, scale);
        else if (!isText && text.Length == 0)
            json.WriteNullValue();
        else if (!isText && IsJson(text))
            json.WriteRawValue(text);
        else
            json.WriteStringValue(text);
    }

    // As --control says it: name, or name:scale.
    private static void WriteControl(Utf8JsonWriter json, string text)
    {
        var (name, scale) = LoraPlace.Parse(text);
        json.WriteStartObject();
        json.WriteString("name", float.IsFinite(scale) ? name : text);
        json.WriteNumber("scale", float.IsFinite(scale) ? scale : 1);
        json.WriteEndObject();
    }

    // As --pag says it: the scale.
    private static void WritePag(Utf8JsonWriter json, float scale)
    {
        json.WriteStartObject();
        json.WriteNumber("scale", scale);
        json.WriteEndObject();
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var value = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 8 });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static double? Strength(StringValues given)
    {
        if (given.Count > 1)
            throw Twice("strength", given.Count);
        if (given is not [{ Length: > 0 } text])
            return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var strength) && strength is > 0 and <= 1
            ? strength
            : throw ApiException.BadRequest("strength", $"strength {Shown(text)} is not a number above 0 and up to 1; use 0.6.");
    }

    private static ApiException Twice(string name, int times) => ApiException.BadRequest(Shown(name), $"The form has the field {Shown(name)} {times} times; once is meant.");

    private static ApiException TooLarge(long limit) => new(413, "body_too_large", $"The form is longer than {limit} bytes, which is what this server takes; send a smaller picture.");

    private static string Shown(string text) => new([.. (text.Length <= 40 ? text : text[..40] + "…").Where(letter => !char.IsControl(letter))]);
}
