using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>From a request in OpenAI's words to a job.</summary>
internal sealed class ImagesRequestReader
{
    private const int MaxImages = 10;

    private readonly ImagesRequest _asked;

    /// <param name="asked">The body.</param>
    /// <param name="deployment">The name in Azure's path, which stands for a model that the body does not name.</param>
    /// <param name="start">The picture that the images begin from; null for none.</param>
    /// <param name="control">The picture that the control network reads; null where none was sent.</param>
    /// <exception cref="ApiException">A value cannot be used, or two of them say different things.</exception>
    public ImagesRequestReader(ImagesRequest asked, string? deployment, StartFiles? start = null, ControlFile? control = null)
    {
        Start = start;
        Files = [.. start?.Files ?? [], .. control is null ? [] : new[] { control.File }];
        _asked = asked with
        {
            Size = ImageWords.Given(asked.Size)?.ToLowerInvariant(),
            OutputFormat = ImageWords.Format(asked.OutputFormat),
            ResponseFormat = ImageWords.Given(asked.ResponseFormat)?.ToLowerInvariant(),
            LongPrompts = ImageWords.Given(asked.LongPrompts)?.ToLowerInvariant(),
        };
        _asked = _asked with { Control = Control(asked.Control, control) };
        if (asked.N is < 1 or > MaxImages)
            throw ApiException.BadRequest("n", $"n {asked.N} is not in 1…{MaxImages}.");
        if (_asked.ResponseFormat is not (null or "b64_json" or "url"))
            throw ApiException.BadRequest("response_format", "response_format is b64_json or url.");
        if (asked.OutputCompression is < 0 or > 100)
            throw ApiException.BadRequest("output_compression", $"output_compression {asked.OutputCompression} is not in 0…100.");
        AsLinks = (_asked.ResponseFormat ?? (IsOfLinks(ImageWords.Given(asked.Model) ?? deployment) ? "url" : "b64_json")) == "url";
        if (asked.BestOf is null && (asked.Judges ?? (object?)asked.StopAt) is not null)
            throw ApiException.BadRequest("best_of", "judges and stop_at say how best_of chooses; give best_of too.");
        if (asked.PartialImages is < 0 or > Previews.Most)
            throw ApiException.BadRequest("partial_images", $"partial_images {asked.PartialImages} is not in 0…{Previews.Most}.");
    }

    /// <summary>The answer holds links and not the images themselves.</summary>
    public bool AsLinks { get; }

    /// <summary>The picture that the images begin from; null for none.</summary>
    public StartFiles? Start { get; }

    /// <summary>The pictures that were sent.</summary>
    public IReadOnlyList<byte[]> Files { get; }

    /// <summary>What events of a stream begin with.</summary>
    public string EventName => Start is null ? "image_generation" : "image_edit";

    /// <summary>The answer is a stream of events.</summary>
    public bool IsStreamed => _asked.Stream == true;

    /// <summary>Fields that changed nothing.</summary>
    public IReadOnlyList<string> Ignored =>
        field ??= [.. Others(_asked.Others), .. _asked.PartialImages > 0 && !(IsStreamed && ShowsPreviews && _asked.BestOf is null) ? ["partial_images"] : Array.Empty<string>()];

    /// <summary>Whether images are shown before they are done.</summary>
    public bool ShowsPreviews { get; init; } = true;

    /// <summary>The job under an id.</summary>
    /// <exception cref="ApiException">A value cannot be used.</exception>
    public JobRequest Job(string id)
    {
        var (width, height) = Size();
        return new JobRequest(new JobInput
        {
            Prompt = _asked.Prompt,
            NegativePrompt = _asked.NegativePrompt,
            Width = width,
            Height = height,
            Steps = One("num_inference_steps", _asked.NumInferenceSteps, "steps", _asked.Steps),
            GuidanceScale = One("guidance_scale", _asked.GuidanceScale, "cfg_scale", _asked.CfgScale),
            Seeds = Seeds(id),
            EnhancePrompt = _asked.EnhancePrompt,
            LongPrompts = _asked.LongPrompts,
            Lora = _asked.Lora,
            StartImage = Start?.Image,
            Pag = _asked.Pag,
            Control = _asked.Control,
            BestOf = _asked.BestOf is { } of ? new BestOf(of) { Judges = _asked.Judges, StopAt = _asked.StopAt } : null,
            Previews = IsStreamed && ShowsPreviews && _asked.BestOf is null && _asked.PartialImages > 0 ? _asked.PartialImages : null,
        })
        {
            Output = new JobOutput
            {
                Format = _asked.OutputFormat,
                Quality = _asked.OutputFormat is null or "png" ? null : _asked.OutputCompression is { } quality ? Math.Max(1, quality) : null,
            },
            Priority = 7,
        };
    }

    /// <summary>What the caller calls a field of the job.</summary>
    public string NameOf(string field) => field switch
    {
        "input" => "size",
        "input.width" => _asked.Width is null ? "size" : "width",
        "input.height" => _asked.Height is null ? "size" : "height",
        "input.steps" => _asked.NumInferenceSteps is null && _asked.Steps is not null ? "steps" : "num_inference_steps",
        "input.guidance_scale" => _asked.GuidanceScale is null && _asked.CfgScale is not null ? "cfg_scale" : "guidance_scale",
        "output.format" => "output_format",
        "output.quality" => "output_compression",
        "input.previews" => "partial_images",
        "input.start_image.strength" => "strength",
        "input.start_image" => "image",
        "input.best_of.of" => "best_of",
        _ => field.StartsWith("input.", StringComparison.Ordinal) ? field["input.".Length..] : field,
    };

    private static ControlUse? Control(ControlUse? asked, ControlFile? sent) => (asked, sent) switch
    {
        (null, null) => null,
        (null, _) => throw ApiException.BadRequest("control_image", "control_image is the picture that control reads; send control too, the name of a control network of this server."),
        (_, null) => asked,
        ({ Image: not null }, _) => throw ApiException.BadRequest("control_image", "control names an image and control_image is another one; send one of them."),
        _ => asked with { Image = sent.Image with { Pixels = null } },
    };

    private static bool IsOfLinks(string? model) => model is "dall-e-2" or "dall-e-3";

    /// <summary>Two names of one value.</summary>
    private static T? One<T>(string name, T? value, string otherName, T? other)
        where T : struct => value is null || other is null || value.Equals(other)
            ? value ?? other
            : throw ApiException.BadRequest(otherName, string.Create(CultureInfo.InvariantCulture, $"{name} {value} and {otherName} {other} are two names of one value; give one."));

    private (int? Width, int? Height) Size()
    {
        var (width, height) = Sides(_asked.Size);
        if (width is not null && ((_asked.Width ?? width) != width || (_asked.Height ?? height) != height))
            throw ApiException.BadRequest("size", $"size {_asked.Size} and width {_asked.Width}, height {_asked.Height} say different things; give one.");
        return (width ?? _asked.Width, height ?? _asked.Height);
    }

    private static (int? Width, int? Height) Sides(string? size)
    {
        if (size is null or "auto")
            return (null, null);
        return size.Split(['x', '×'], StringSplitOptions.TrimEntries) is [var first, var second]
            && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var height)
                ? (width, height)
                : throw ApiException.BadRequest("size", $"size {(size.Length <= 40 ? size : size[..40] + "…")} is neither auto nor WxH in pixels, such as 1024x1024.");
    }

    /// <summary>Given, or drawn from the job's id: a repeat under the same key asks for the same images.</summary>
    private IReadOnlyList<ulong> Seeds(string id)
    {
        if (_asked.Seeds is { Count: > 0 } seeds)
        {
            if (seeds.Count > MaxImages || _asked.Seed is not null || (_asked.N is { } n && n != seeds.Count))
                throw ApiException.BadRequest("seeds", $"seeds takes 1…{MaxImages} numbers, without seed, and n as many.");
            return [.. seeds.Select((seed, i) => Seed($"seeds[{i}]", seed) ?? Drawn($"{id} {i}"))];
        }

        var first = (_asked.Seed is { } given ? Seed("seed", given) : null) ?? Drawn(id);
        return [.. Enumerable.Range(0, _asked.N ?? 1).Select(i => unchecked(first + (ulong)(i * (_asked.BestOf ?? 1))))];
    }

    private static ulong? Seed(string field, decimal value) => value switch
    {
        -1 => null,
        >= 0 and <= ulong.MaxValue when decimal.IsInteger(value) => (ulong)value,
        _ => throw ApiException.BadRequest(field, string.Create(CultureInfo.InvariantCulture, $"{field} {value} is neither a whole number in 0…{ulong.MaxValue} nor -1, which draws one.")),
    };

    private static ulong Drawn(string text) => BitConverter.ToUInt32(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    /// <summary>Fields that nobody reads, but for those whose value is what happens anyway.</summary>
    private static IEnumerable<string> Others(IDictionary<string, JsonElement>? others)
    {
        foreach (var (name, value) in others ?? new Dictionary<string, JsonElement>())
        {
            var word = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            var isAnyway = word == "" || name switch
            {
                "quality" or "moderation" => word == "auto",
                "background" => word is "auto" or "opaque",
                _ => false,
            };
            if (!isAnyway)
                yield return name.Length <= 64 ? name : name[..64];
        }
    }
}
