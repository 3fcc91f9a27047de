using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Jobs.Http;

// Bodies of POST /v1/images/generations as OpenAI's clients write and read them, and the extensions that other Sana and diffusion servers take.

/// <summary>Asks for images.</summary>
/// <param name="Prompt">What to draw.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ImagesRequest(string Prompt)
{
    /// <value>Any name: the checkpoint is the one that is served.</value>
    public string? Model { get; init; }

    /// <value>Images, 1…10. Default 1.</value>
    public int? N { get; init; }

    /// <value><c>WxH</c> in pixels, or <c>auto</c> for the checkpoint's own. Default auto.</value>
    public string? Size { get; init; }

    /// <value><c>b64_json</c> or <c>url</c>. Default b64_json.</value>
    public string? ResponseFormat { get; init; }

    /// <value><c>png</c>, <c>jpeg</c> or <c>webp</c>. Default png.</value>
    public string? OutputFormat { get; init; }

    /// <value>Of jpeg and webp, 0…100. Default 90.</value>
    public int? OutputCompression { get; init; }

    /// <value>Taken and named among what was ignored: steps are what decides quality here.</value>
    public string? Quality { get; init; }

    /// <value>Of the client's own use; not kept.</value>
    public string? User { get; init; }

    /// <value>What the image should not show.</value>
    public string? NegativePrompt { get; init; }

    /// <value>Model evaluations, 1…1000.</value>
    public int? NumInferenceSteps { get; init; }

    /// <value>0…100.</value>
    public float? GuidanceScale { get; init; }

    /// <value>Of the first image; the others follow it. Default drawn.</value>
    public ulong? Seed { get; init; }

    /// <value>One an image; instead of <see cref="Seed"/> and <see cref="N"/>.</value>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <value>Only false: the answer comes in one piece.</value>
    public bool? Stream { get; init; }

    /// <summary>What this server does not know; named in the answer.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>The images, and what they were made with.</summary>
public sealed record ImagesResponse(long Created, IReadOnlyList<ImageData> Data, ImagesUsage Usage, EffectiveParameters Parameters)
{
    /// <value>As <c>WxH</c>.</value>
    public string? Size { get; init; }

    /// <value>png, jpeg or webp.</value>
    public string? OutputFormat { get; init; }
}

/// <summary>One image.</summary>
public sealed record ImageData(string? B64Json, string? Url, string RevisedPrompt, ulong Seed);

/// <summary>What it cost, as OpenAI counts: there are no tokens here, so they are 0.</summary>
public sealed record ImagesUsage(int TotalTokens, int InputTokens, int OutputTokens, ImagesInput InputTokensDetails, int Images, double Seconds);

/// <inheritdoc cref="ImagesUsage" />
public sealed record ImagesInput(int TextTokens, int ImageTokens);

/// <summary>What the images were really made with: nothing is ignored in silence.</summary>
public sealed record EffectiveParameters(
    string? Model, int? Width, int? Height, int? NumInferenceSteps, float? GuidanceScale, string? NegativePrompt, IReadOnlyList<ulong> Seeds, string JobId, IReadOnlyList<string> Ignored);
