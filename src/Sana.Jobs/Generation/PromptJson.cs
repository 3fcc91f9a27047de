using System.Globalization;
using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;

namespace Sana.Jobs.Generation;

/// <summary>
/// One JSON line: <c>{prompt, negative_prompt?, id?, seed? or seeds?, images?, width?, height?, size?, steps?, guidance_scale?, lora?, image?, mask?, strength?}</c>, under any of the names of
/// <see cref="PromptFields"/>. Other fields are named in the row, or with <c>strict</c> a reason to leave it out.
/// </summary>
internal static class PromptJson
{
    private const int MaxIdCharacters = 200;
    private const int MaxImages = 10_000;
    private const int MaxSteps = 1_000;
    private const int MinSide = 32;
    private const int MaxSide = 8192;
    private const float MaxGuidance = 100;

    // A field twice is a row that says two things.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public static PromptRow Read(long number, ReadOnlyMemory<byte> line, bool isStrict)
    {
        try
        {
            using var document = JsonDocument.Parse(line, Strict);
            var (fields, unknown) = Fields(document.RootElement);
            if (isStrict && unknown.Count > 0)
                throw new RejectedException(RejectReason.BadRow, $"The line has {(unknown.Count == 1 ? "a field that is" : "fields that are")} not known: {string.Join(", ", unknown)}.");
            return new PromptRow(number, Spec(fields), null) { Unknown = unknown };
        }
        catch (JsonException)
        {
            return new PromptRow(number, null, new Rejection(RejectReason.BadRow, "The line is not one JSON object."));
        }
        catch (RejectedException rejected)
        {
            return new PromptRow(number, null, rejected.Rejection);
        }
    }

    // By the names that this program has for them. A line of OpenAI's batch format has its fields in a body.
    private static (Dictionary<string, JsonElement> Fields, IReadOnlyList<string> Unknown) Fields(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new RejectedException(RejectReason.WrongType, $"The line is a JSON {Kind(row)}; it should be an object with a prompt.");
        var isBatch = row.TryGetProperty("body", out var body) && body.ValueKind == JsonValueKind.Object && row.TryGetProperty("custom_id", out _);
        var members = isBatch ? row.EnumerateObject().Where(member => member.Name is not ("body" or "method" or "url")).Concat(body.EnumerateObject()) : row.EnumerateObject();
        var (fields, spelled, unknown) = (new Dictionary<string, JsonElement>(StringComparer.Ordinal), new Dictionary<string, string>(StringComparer.Ordinal), new List<string>());
        foreach (var member in members)
        {
            var name = PromptFields.Canonical(member.Name);
            // Lists of other programs have pictures themselves there.
            if (name is null || (name is "image" or "mask" && member.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null)))
                unknown.Add(member.Name.Length <= 60 ? member.Name : member.Name[..60] + "…");
            else if (member.Value.ValueKind != JsonValueKind.Null)
                Add(name, member);
        }

        return (fields, unknown);

        void Add(string name, JsonProperty member)
        {
            if (!spelled.TryGetValue(name, out var before))
            {
                (fields[name], spelled[name]) = (member.Value, member.Name);
                return;
            }

            // A prompt and a caption are two things; the surer name is the prompt.
            var (old, now) = (Rank(before), Rank(member.Name));
            if (name == "prompt" && old != now)
            {
                unknown.Add(now < old ? before : member.Name);
                if (now < old)
                    (fields[name], spelled[name]) = (member.Value, member.Name);
            }
            else if (!JsonElement.DeepEquals(fields[name], member.Value))
            {
                throw new RejectedException(RejectReason.BadRow, $"The line says two things, {before} and {member.Name}; keep one.");
            }
        }

        static int Rank(string name) => ((List<string>)[.. PromptFields.Prompts]).IndexOf(name.ToLowerInvariant());
    }

    private static PromptSpec Spec(Dictionary<string, JsonElement> row)
    {
        var prompt = Text(row, "prompt") ?? throw new RejectedException(RejectReason.BadRow, "The line has no prompt.");
        var negative = Text(row, "negative_prompt");
        Refuse(PromptText.Check(prompt));
        Refuse(negative is null ? null : PromptText.Check(negative, "Negative prompt", mayBeEmpty: true));
        var (width, height) = Size(row);
        return new PromptSpec(prompt)
        {
            Id = Id(row),
            NegativePrompt = negative,
            Seeds = Seeds(row),
            Images = Whole(row, "images", 1, MaxImages),
            Width = Whole(row, "width", MinSide, MaxSide) ?? width,
            Height = Whole(row, "height", MinSide, MaxSide) ?? height,
            Steps = Whole(row, "steps", 1, MaxSteps),
            GuidanceScale = Scale(row),
            StartImage = Field(row, PromptFields.StartImage, JsonValueKind.Object) is { } taken ? RowPictures.Taken(taken) ?? throw new RejectedException(RejectReason.BadRow, $"{PromptFields.StartImage} has no sha256 of 64 lower-case hexadecimal digits, or a mask_sha256 that is none.") : null,
            Picture = Picture(row),
            Strength = Strength(row),
            Lora = row.TryGetValue("lora", out var lora) ? LoraField.Read(lora, message => new RejectedException(RejectReason.BadRow, message)) : null,
        };
    }

    private static RowPicture? Picture(Dictionary<string, JsonElement> row)
    {
        if (Text(row, PromptFields.PictureFault) is { } fault)
            throw new RejectedException(RejectReason.BadRequest, fault);
        var (image, mask) = (Text(row, "image"), Text(row, "mask"));
        if (image is null && mask is not null)
            throw new RejectedException(RejectReason.BadRow, "The line has a mask and no image; give the image that it belongs to.");
        return image is null ? null : new RowPicture(image, mask);
    }

    private static double? Strength(Dictionary<string, JsonElement> row) => Field(row, "strength", JsonValueKind.Number) is not { } value
        ? null
        : value.TryGetDouble(out var strength) && strength is > 0 and <= 1
            ? strength
            : throw new RejectedException(RejectReason.BadRequest, $"strength {Short(value)} is not a number above 0 and up to 1.");

    private static (int? Width, int? Height) Size(Dictionary<string, JsonElement> row)
    {
        if (Text(row, "size") is not { } size || string.Equals(size, "auto", StringComparison.OrdinalIgnoreCase))
            return (null, null);
        if (row.ContainsKey("width") || row.ContainsKey("height"))
            throw new RejectedException(RejectReason.BadRow, "The line has both size and width or height; keep one.");
        var sides = size.Split('x', 'X', '×');
        return sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out var width) && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out var height)
            && width is >= MinSide and <= MaxSide && height is >= MinSide and <= MaxSide
            ? (width, height)
            : throw new RejectedException(RejectReason.BadRequest, $"size '{(size.Length > 40 ? size[..40] + "…" : size)}' is not of the form 1024x1024 with sides of {MinSide}…{MaxSide}.");
    }

    private static JsonElement? Field(Dictionary<string, JsonElement> row, string name, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (!row.TryGetValue(name, out var value))
        {
            return null;
        }

        return kinds.Contains(value.ValueKind)
            ? value
            : throw new RejectedException(RejectReason.WrongType, $"{name} is a JSON {Kind(value)}; it should be a {string.Join(" or ", kinds.ToArray()).ToLowerInvariant()}.");
    }

    private static string? Text(Dictionary<string, JsonElement> row, string name)
    {
        try
        {
            return Field(row, name, JsonValueKind.String)?.GetString();
        }
        catch (InvalidOperationException)
        {
            // The escape \ud800 without its other half.
            throw new RejectedException(RejectReason.BadPrompt, $"The {name} has half a surrogate pair; remove it.");
        }
    }

    private static string? Id(Dictionary<string, JsonElement> row)
    {
        var id = Field(row, "id", JsonValueKind.String, JsonValueKind.Number) is { ValueKind: JsonValueKind.Number } number ? number.GetRawText() : Text(row, "id");
        return id is null or { Length: <= MaxIdCharacters } ? id : throw new RejectedException(RejectReason.BadRow, $"The id has {id.Length} characters; the limit is {MaxIdCharacters}.");
    }

    private static ulong[]? Seeds(Dictionary<string, JsonElement> row)
    {
        var one = Field(row, "seed", JsonValueKind.Number);
        var many = Field(row, "seeds", JsonValueKind.Array);
        if (one is not null && many is not null)
        {
            throw new RejectedException(RejectReason.BadRow, "The line has both seed and seeds; keep one.");
        }

        if (many is null)
        {
            return one is null ? null : [Seed(one.Value)];
        }

        ulong[] seeds = [.. many.Value.EnumerateArray().Select(Seed)];
        return seeds.Length is > 0 and <= MaxImages && seeds.Distinct().Count() == seeds.Length
            ? seeds
            : throw new RejectedException(RejectReason.BadRequest, $"seeds has {seeds.Length} entries; it should have 1…{MaxImages} different ones.");
    }

    private static ulong Seed(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            throw new RejectedException(RejectReason.WrongType, $"A seed is a JSON {Kind(value)}; it should be a number.");
        }

        if (value.TryGetUInt64(out var seed))
            return seed;
        // Tables and Python write 7 as 7.0; beyond 2^53 such a number is no longer exact.
        return value.TryGetDouble(out var whole) && whole == Math.Floor(whole) && whole is >= 0 and <= 9007199254740992 ? (ulong)whole : throw new RejectedException(RejectReason.BadRequest, $"Seed {Short(value)} is not a whole number of 0…{ulong.MaxValue}.");
    }

    private static int? Whole(Dictionary<string, JsonElement> row, string name, int least, int most)
    {
        if (Field(row, name, JsonValueKind.Number) is not { } value)
        {
            return null;
        }

        // Tables and Python write 5 as 5.0.
        return value.TryGetDouble(out var number) && number == Math.Floor(number) && number >= least && number <= most
            ? (int)number
            : throw new RejectedException(RejectReason.BadRequest, $"{name} {Short(value)} is not a whole number of {least}…{most}.");
    }

    private static float? Scale(Dictionary<string, JsonElement> row)
    {
        if (Field(row, "guidance_scale", JsonValueKind.Number) is not { } value)
        {
            return null;
        }

        return value.TryGetSingle(out var scale) && scale is >= 0 and <= MaxGuidance
            ? scale
            : throw new RejectedException(RejectReason.BadRequest, $"guidance_scale {Short(value)} is not a number of 0…{MaxGuidance}.");
    }

    private static void Refuse(Rejection? rejection)
    {
        if (rejection is not null)
        {
            throw new RejectedException(rejection.Reason, rejection.Message);
        }
    }

    private static string Kind(JsonElement value) => value.ValueKind.ToString().ToLowerInvariant();

    private static string Short(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length > 40 ? text[..40] + "…" : text;
    }

    private sealed class RejectedException(string reason, string message) : Exception(message)
    {
        public Rejection Rejection => new(reason, Message);
    }
}

/// <summary>What the prompt of a job may be: what the pipeline takes, but not empty and whole Unicode.</summary>
internal static class PromptText
{
    /// <summary>Null for a good prompt, else why it is not.</summary>
    public static Rejection? Check(string text, string field = "Prompt", bool mayBeEmpty = false)
    {
        if (!mayBeEmpty && string.IsNullOrWhiteSpace(text))
        {
            return Bad($"{field} is empty; say what to draw.");
        }

        try
        {
            PromptLimits.Check(text, field);
        }
        catch (InferenceException error)
        {
            return Bad(error.Message);
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return Bad($"{field} has half a surrogate pair at position {i}; remove it.");
            }
        }

        return null;
    }

    private static Rejection Bad(string message) => new(RejectReason.BadPrompt, message);
}
