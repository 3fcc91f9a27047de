using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Storage;

namespace Sana.Jobs.Http;

/// <summary>From what a batch asks for to a prompts file and settings. A bad row becomes an outcome of the run; only what spoils every row is refused here.</summary>
internal static class BatchRequestValidator
{
    private const int MaxPrompts = 100_000;
    private const int MaxSeeds = 1000;
    private const int MaxFurtherControlImages = 64;

    private static readonly SearchValues<char> Letters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <exception cref="ApiException">Not an id: it is the run's name too.</exception>
    public static string CheckId(string id) =>
        id.Length is > 0 and <= 64 && !id.AsSpan().ContainsAnyExcept(Letters) && id[0] != '-' && id[^1] != '-' && !id.Contains("--", StringComparison.Ordinal)
            ? id
            : throw ApiException.BadRequest("id", "The id takes a-z, 0-9 and single hyphens inside, 1…64 characters.");

    /// <summary>The job that a batch is.</summary>
    /// <exception cref="ApiException">Something in it cannot be used; the field is named.</exception>
    public static GenerateJob Job(BatchRequest asked, string run, ApiParts parts)
    {
        var lines = Lines(asked, parts.MaxBatchImages);
        CheckLora(asked.Settings?.Lora, parts);
        CheckPag(asked.Settings?.Pag, parts);
        CheckBestOf(asked.Settings?.BestOf, parts);
        return Settings(asked, parts.RefusesLongPrompts, new PromptFile(() => new MemoryStream(lines, writable: false), ".jsonl")) with { Run = run, Device = parts.Device };
    }

    private static byte[] Lines(BatchRequest asked, long mostImages)
    {
        if (asked.Prompts.Count is 0 or > MaxPrompts)
            throw ApiException.Invalid("prompts", $"prompts takes 1…{MaxPrompts} entries; {asked.Prompts.Count} were given.");
        if (asked.Seeds is { } seeds && (seeds.Count is 0 or > MaxSeeds || (!IsZip(asked) && seeds.Distinct().Count() != seeds.Count)))
            throw ApiException.Invalid("seeds", $"seeds takes 1…{MaxSeeds} distinct numbers.");
        if (asked.Combine is not (null or "zip" or "product"))
            throw ApiException.Invalid("combine", "combine is zip or product.");
        if (IsZip(asked) && asked.Seeds?.Count != asked.Prompts.Count)
            throw ApiException.Invalid("seeds", $"zip pairs each prompt with a seed: {Counted.Of(asked.Prompts.Count, "prompt")} and {Counted.Of(asked.Seeds?.Count ?? 0, "seed")} were given.");

        using var lines = new MemoryStream();
        var images = 0L;
        for (var i = 0; i < asked.Prompts.Count; i++)
        {
            var row = Row(asked, i);
            // Counted before it is written: a small body may ask for many millions.
            images += Images(row, asked.Settings?.Images ?? 1) * (1 + (asked.Settings?.ControlImages?.Count ?? 0)) * (asked.Settings?.BestOf?.Of ?? 1);
            if (images > mostImages)
                throw ApiException.Invalid("prompts", $"The batch has more than {Counted.Of(mostImages, "image")} over its prompts, seeds and images (reached at prompt {i}); send it in parts, or raise max_batch_images of the server.");
            lines.Write(Encoding.UTF8.GetBytes(row.ToJsonString()));
            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }

    // Whether they are known is asked where the checkpoint is loaded; else the plan asks.
    private static void CheckLora(IReadOnlyList<AdapterUse>? lora, ApiParts parts)
    {
        if (lora is null)
            return;
        if (lora.Any(use => use?.Name is null))
            throw ApiException.Invalid("settings.lora", "settings.lora is a list of objects with a name and, if it is not 1, a weight.");
        try
        {
            if (parts.Model() is { } model)
                new AdapterUses(lora).Resolve(model.Adapters);
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid("settings.lora", error.Message);
        }
    }

    /// <summary>The control network with the sizes of its images, which are decoded here.</summary>
    /// <exception cref="ApiException">The network is not known, or a picture is not there or named twice.</exception>
    public static async Task<BatchRequest> WithControl(BatchRequest asked, ApiParts parts, CancellationToken cancellationToken)
    {
        var further = asked.Settings?.ControlImages ?? [];
        if (asked.Settings?.Control is not { } control)
            return further.Count == 0 ? asked : throw ApiException.Invalid("settings.control_images", "settings.control_images are what settings.control reads; give that network too.");
        if (control is { Name: null } or { Image: null })
            throw ApiException.Invalid("settings.control", "settings.control is an object with the name of a control network, its image and, if it is not 1, a scale.");
        if (further.Count > MaxFurtherControlImages)
            throw ApiException.Invalid("settings.control_images", $"settings.control_images has {further.Count} entries; at most {MaxFurtherControlImages} are taken.");
        if (further.Any(image => image?.Sha256 is null))
            throw ApiException.Invalid("settings.control_images", "settings.control_images is a list of objects with sha256, of a file that the server has.");
        ControlImage[] named = [control.Image, .. further];
        if (named.Select(image => image.Sha256).Distinct().Count() != named.Length)
            throw ApiException.Invalid("settings.control_images", "settings.control_images names a picture twice; name it once, and ask for several images with settings.images.");
        var field = "settings.control";
        try
        {
            if (parts.Model() is { } model)
                model.Resolve(new GenerateOptions { Control = control });
            var images = new List<ControlImage>();
            foreach (var image in named)
            {
                images.Add(await StartImages.Read(parts.Blobs, image, cancellationToken) with { Pixels = null });
                field = "settings.control_images";
            }

            return asked with { Settings = asked.Settings with { Control = control with { Image = images[0] }, ControlImages = images[1..] } };
        }
        catch (Exception error) when (error is InferenceException or JobFaultException)
        {
            throw ApiException.Invalid(field, error.Message);
        }
    }

    // Which blocks there are is known there too.
    private static void CheckPag(PerturbedAttention? pag, ApiParts parts)
    {
        try
        {
            if (pag is not null && parts.Model() is { } model)
                model.Resolve(new GenerateOptions { Pag = pag });
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid("settings.pag", error.Message);
        }
    }

    // Its judges likewise.
    private static void CheckBestOf(BestOf? best, ApiParts parts)
    {
        Range("settings.best_of.of", best?.Of, BestOf.Most);
        try
        {
            if (parts.Model() is { } model)
                best?.Resolve(model.Gate);
        }
        catch (InferenceException error)
        {
            throw ApiException.Invalid("settings.best_of", error.Message);
        }
    }

    private static GenerateJob Settings(BatchRequest asked, bool refusesLongPrompts, PromptFile prompts)
    {
        var settings = asked.Settings ?? new BatchSettings();
        var format = ImageWords.Format(settings.Format);
        if (format is not (null or "png" or "jpeg" or "webp"))
            throw ApiException.Invalid("settings.format", "settings.format is png, jpeg or webp.");
        if (settings.LongPrompts is not (null or "cut" or "refuse"))
            throw ApiException.Invalid("settings.long_prompts", "settings.long_prompts is cut or refuse.");
        Range("settings.images", settings.Images, 10_000);
        Range("settings.batch_size", settings.BatchSize, 64);
        Range("settings.quality", settings.Quality, 100);
        Range("settings.steps", settings.Steps, 1000);
        Range("settings.width", settings.Width, 8192);
        Range("settings.height", settings.Height, 8192);
        if (settings.GuidanceScale is not (null or (>= 0 and <= 100)))
            throw ApiException.Invalid("settings.guidance_scale", "The guidance scale is a number in 0…100; use 4.5.");
        var options = new GenerateOptions();
        return new GenerateJob
        {
            Prompts = prompts,
            Options = options with
            {
                Width = settings.Width,
                Height = settings.Height,
                Steps = settings.Steps,
                Guidance = settings.GuidanceScale ?? options.Guidance,
                NegativePrompt = settings.NegativePrompt ?? "",
                Adapters = settings.Lora is { Count: > 0 } lora ? new AdapterUses(lora) : null,
                Pag = settings.Pag,
                Control = settings.Control,
                EnhancePrompt = settings.EnhancePrompt ?? false,
                RefuseLongPrompts = settings.LongPrompts is { } rule ? rule == "refuse" : refusesLongPrompts,
            },
            FurtherControlImages = settings.ControlImages ?? [],
            Images = settings.Images ?? 1,
            BestOf = settings.BestOf,
            BatchSize = settings.BatchSize ?? 1,
            Format = Enum.Parse<ImageFormat>(format ?? "png", ignoreCase: true),
            Quality = settings.Quality ?? 90,
        };
    }

    private static JsonObject Row(BatchRequest asked, int index)
    {
        var row = asked.Prompts[index] switch
        {
            { ValueKind: JsonValueKind.String } text => new JsonObject { ["prompt"] = text.GetString() },
            { ValueKind: JsonValueKind.Object } given => JsonObject.Create(given)!,
            _ => throw ApiException.Invalid($"prompts[{index}]", "A prompt is a text or an object with the field prompt."),
        };
        if (asked.Seeds is { } seeds && !row.ContainsKey("seed") && !row.ContainsKey("seeds"))
            row["seeds"] = IsZip(asked) ? new JsonArray(seeds[index]) : new JsonArray([.. seeds.Select(seed => (JsonNode)seed)]);
        return row;
    }

    /// <summary>How many images a row asks for; a row that cannot be read is one outcome.</summary>
    private static long Images(JsonObject row, int byDefault)
    {
        var images = row["images"] is JsonValue value && value.TryGetValue<int>(out var number) && number > 0 ? number : byDefault;
        return (row["seeds"] is JsonArray { Count: > 0 } seeds ? seeds.Count : 1L) * images;
    }

    private static bool IsZip(BatchRequest asked) => asked.Combine == "zip";

    private static void Range(string field, int? value, int most)
    {
        if (value is < 1 || value > most)
            throw ApiException.Invalid(field, $"{field} {value} is not in 1…{most}.");
    }
}
