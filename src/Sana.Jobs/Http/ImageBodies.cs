using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;

namespace Sana.Jobs.Http;

// Bodies of POST /v1/images/generations as OpenAI's clients write and read them, and the extensions that other Sana and diffusion servers take.

/// <summary>Asks for images. An empty text is a field that is left out.</summary>
/// <param name="Prompt">What to draw.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ImagesRequest(string Prompt)
{
    /// <value>Any name: the checkpoint is the one that is served. <c>dall-e-2</c> and <c>dall-e-3</c> decide the default of <see cref="ResponseFormat"/>.</value>
    public string? Model { get; init; }

    /// <value>Images, 1…10. Default 1.</value>
    [Range(1, 10)]
    public int? N { get; init; }

    /// <value><c>WxH</c> in pixels, or <c>auto</c> for the checkpoint's own. Default auto.</value>
    public string? Size { get; init; }

    /// <value><c>b64_json</c> or <c>url</c>. Default b64_json; url for the models dall-e-2 and dall-e-3, as at OpenAI.</value>
    public string? ResponseFormat { get; init; }

    /// <value><c>png</c>, <c>jpeg</c> (or <c>jpg</c>) or <c>webp</c>. Default png.</value>
    public string? OutputFormat { get; init; }

    /// <value>Of jpeg and webp, 0…100. Default 90.</value>
    [Range(0, 100)]
    public int? OutputCompression { get; init; }

    /// <value>Of the client's own use; not kept.</value>
    public string? User { get; init; }

    /// <value>What the image should not show.</value>
    public string? NegativePrompt { get; init; }

    /// <value>Pixels, a multiple of 32, 32…8192, instead of <see cref="Size"/>. Default the checkpoint's.</value>
    [Range(32, 8192)]
    public int? Width { get; init; }

    /// <value>Pixels, a multiple of 32, 32…8192, instead of <see cref="Size"/>. Default the checkpoint's.</value>
    [Range(32, 8192)]
    public int? Height { get; init; }

    /// <value>Model evaluations, 1…1000. Default the checkpoint's.</value>
    [Range(1, 1000)]
    public int? NumInferenceSteps { get; init; }

    /// <value>Another name for <see cref="NumInferenceSteps"/>.</value>
    [Range(1, 1000)]
    public int? Steps { get; init; }

    /// <value>0…100. Default 4.5.</value>
    [Range(0, 100)]
    public float? GuidanceScale { get; init; }

    /// <value>Another name for <see cref="GuidanceScale"/>.</value>
    [Range(0, 100)]
    public float? CfgScale { get; init; }

    /// <value>Of the first image, 0…18446744073709551615; the others follow it. -1 draws one. Default drawn.</value>
    public decimal? Seed { get; init; }

    /// <value>One an image; instead of <see cref="Seed"/> and <see cref="N"/>. -1 draws one.</value>
    public IReadOnlyList<decimal>? Seeds { get; init; }

    /// <value>Let the checkpoint's own text encoder write a more detailed prompt and make the images from that, which <see cref="ImageData.RevisedPrompt"/> then is. Default false.</value>
    public bool? EnhancePrompt { get; init; }

    /// <value><c>cut</c> a prompt of more tokens than the network reads and say so in <see cref="ImageData.Flags"/>, or <c>refuse</c> it. Default what the server was started with, cut.</value>
    public string? LongPrompts { get; init; }

    /// <value>Adapters by the names that the server gives them. Default none.</value>
    public IReadOnlyList<AdapterUse>? Lora { get; init; }

    /// <value>Perturbed-attention guidance: <c>scale</c>, <c>adaptive_scale</c> (0) and <c>layers</c> (the checkpoint's own). Not for Sprint checkpoints. Default none.</value>
    public PerturbedAttention? Pag { get; init; }

    /// <value>
    /// A control network by the name that the server gives it, its scale (0…100, 1 by default), and, unless it comes as a file of a form, its image by the SHA-256 of a file that the server has. Default none.
    /// </value>
    public ControlUse? Control { get; init; }

    /// <value>Candidates of each image, of which the server's judges keep the best one, 2…64. Default none.</value>
    [Range(2, 64)]
    public int? BestOf { get; init; }

    /// <value>With <see cref="BestOf"/>: labels of the judges, the first decides. Default the server's first.</value>
    public IReadOnlyList<string>? Judges { get; init; }

    /// <value>With <see cref="BestOf"/>: make no further candidate when one scores so much by the first judge. Default all are made.</value>
    public double? StopAt { get; init; }

    /// <value>Answer with server-sent events, <c>image_generation.completed</c> for each image. Default false.</value>
    public bool? Stream { get; init; }

    /// <value>With <see cref="Stream"/>: how often each image is shown before it is done, as <c>image_generation.partial_image</c>, 0…3. Default 0.</value>
    [Range(0, 3)]
    public int? PartialImages { get; init; }

    /// <summary>What this server does not know or cannot do; named in the answer.</summary>
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
public sealed record ImageData(string? B64Json, string? Url, string RevisedPrompt, ulong Seed)
{
    /// <value>What is to be known of it, such as <c>prompt_truncated</c>: the end of its prompt was not read. Null when there is nothing.</value>
    public IReadOnlyList<string>? Flags { get; init; }
}

/// <summary>One image as an event of a stream, <c>image_generation.completed</c>; or, before it is done, <c>image_generation.partial_image</c>.</summary>
public sealed record ImageEvent(string Type, string B64Json, long CreatedAt, string Size, string OutputFormat)
{
    /// <value>Always opaque.</value>
    public string Background { get; init; } = "opaque";

    /// <value>Always auto: steps are what decides quality here.</value>
    public string Quality { get; init; } = "auto";

    /// <value>Which of the images, from 0.</value>
    public int Index { get; init; }

    /// <value>Of a partial image: which of its previews, from 0.</value>
    public int? PartialImageIndex { get; init; }

    /// <value>A link, where <c>response_format</c> is url.</value>
    public string? Url { get; init; }

    /// <value>Its seed.</value>
    public ulong Seed { get; init; }

    /// <inheritdoc cref="ImageData.Flags" />
    public IReadOnlyList<string>? Flags { get; init; }

    /// <value>What it cost, as OpenAI counts; null of a partial image.</value>
    public ImagesUsage? Usage { get; init; }

    /// <value>What the image was really made with; null of a partial image.</value>
    public EffectiveParameters? Parameters { get; init; }
}

/// <summary>What it cost, as OpenAI counts: there are no tokens here, so they are 0.</summary>
public sealed record ImagesUsage(int TotalTokens, int InputTokens, int OutputTokens, ImagesInput InputTokensDetails, int Images, double Seconds);

/// <inheritdoc cref="ImagesUsage" />
public sealed record ImagesInput(int TextTokens, int ImageTokens);

/// <summary>What the images were really made with: nothing is ignored in silence.</summary>
public sealed record EffectiveParameters(
    string? Model, int? Width, int? Height, int? NumInferenceSteps, float? GuidanceScale, string? NegativePrompt, IReadOnlyList<ulong> Seeds, string JobId, IReadOnlyList<string> Ignored)
{
    /// <value>How much of the picture was made anew; null where the images did not begin from one.</value>
    public double? Strength { get; init; }

    /// <value>Images that were asked for and did not come out; null when all did.</value>
    public IReadOnlyList<MissingImage>? Missing { get; init; }
}

/// <summary>An image that did not come out.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Reason">Such as <c>policy</c>: it is outside a limit of a judge.</param>
public sealed record MissingImage(ulong Seed, string? Reason);

/// <summary>The models, as OpenAI's clients list them.</summary>
public sealed record ModelList(IReadOnlyList<ModelCardView> Data)
{
    /// <value>Always list.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "list";
}

/// <summary>One model.</summary>
/// <param name="Id">The checkpoint's name.</param>
/// <param name="Created">Unix time of the start of this server.</param>
public sealed record ModelCardView(string Id, long Created)
{
    /// <value>Always model.</value>
    [JsonPropertyName("object")]
    public string Type { get; init; } = "model";

    /// <value>Always sana.</value>
    public string OwnedBy { get; init; } = "sana";
}
