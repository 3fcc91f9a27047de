using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;

namespace Sana.Jobs.Generation;

/// <summary>
/// One JSON line: <c>{prompt, negative_prompt?, id?, seed? or seeds?, images?, width?, height?, steps?, guidance_scale?}</c>. Other fields belong to the user and are left alone.
/// </summary>
internal static class PromptJson
{
    private const int MaxIdCharacters = 200;
    private const int MaxImages = 10_000;

    // A field twice is a row that says two things.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public static PromptRow Read(long number, ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, Strict);
            return new PromptRow(number, Spec(document.RootElement), null);
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

    private static PromptSpec Spec(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
        {
            throw new RejectedException(RejectReason.WrongType, $"The line is a JSON {Kind(row)}; it should be an object with a prompt.");
        }

        var prompt = Text(row, "prompt") ?? throw new RejectedException(RejectReason.BadRow, "The line has no prompt.");
        var negative = Text(row, "negative_prompt");
        Refuse(PromptText.Check(prompt));
        Refuse(negative is null ? null : PromptText.Check(negative, "Negative prompt", mayBeEmpty: true));
        return new PromptSpec(prompt)
        {
            Id = Id(row),
            NegativePrompt = negative,
            Seeds = Seeds(row),
            Images = Whole(row, "images", 1, MaxImages),
            Width = Whole(row, "width", int.MinValue, int.MaxValue),
            Height = Whole(row, "height", int.MinValue, int.MaxValue),
            Steps = Whole(row, "steps", int.MinValue, int.MaxValue),
            GuidanceScale = Scale(row),
        };
    }

    private static JsonElement? Field(JsonElement row, string name, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return kinds.Contains(value.ValueKind)
            ? value
            : throw new RejectedException(RejectReason.WrongType, $"{name} is a JSON {Kind(value)}; it should be a {string.Join(" or ", kinds.ToArray()).ToLowerInvariant()}.");
    }

    private static string? Text(JsonElement row, string name)
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

    private static string? Id(JsonElement row)
    {
        var id = Field(row, "id", JsonValueKind.String, JsonValueKind.Number) is { ValueKind: JsonValueKind.Number } number ? number.GetRawText() : Text(row, "id");
        return id is null or { Length: <= MaxIdCharacters } ? id : throw new RejectedException(RejectReason.BadRow, $"The id has {id.Length} characters; the limit is {MaxIdCharacters}.");
    }

    private static ulong[]? Seeds(JsonElement row)
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

        return value.TryGetUInt64(out var seed) ? seed : throw new RejectedException(RejectReason.BadRequest, $"Seed {Short(value)} is not a whole number of 0…{ulong.MaxValue}.");
    }

    private static int? Whole(JsonElement row, string name, int least, int most)
    {
        if (Field(row, name, JsonValueKind.Number) is not { } value)
        {
            return null;
        }

        return value.TryGetInt32(out var number) && number >= least && number <= most
            ? number
            : throw new RejectedException(RejectReason.BadRequest, $"{name} {Short(value)} is not a whole number of {least}…{most}.");
    }

    private static float? Scale(JsonElement row)
    {
        if (Field(row, "guidance_scale", JsonValueKind.Number) is not { } value)
        {
            return null;
        }

        return value.TryGetSingle(out var scale) && float.IsFinite(scale)
            ? scale
            : throw new RejectedException(RejectReason.BadRequest, $"guidance_scale {Short(value)} is too large.");
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
