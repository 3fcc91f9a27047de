using System.Text.Json.Serialization;

namespace Sana.Curation.Captioning.Config;

/// <summary>How a captioner runs.</summary>
public enum CaptionerKind
{
    /// <summary>An endpoint that speaks the OpenAI chat protocol.</summary>
    Chat,

    /// <summary>A network of a local checkpoint.</summary>
    Onnx,
}

/// <summary>One captioner of <c>captioners.json</c>, checked. Only <see cref="CaptionerFile"/> makes one.</summary>
public sealed record CaptionerConfig
{
    internal CaptionerConfig()
    {
    }

    /// <value>Its id in shards and sidecars: ASCII letters, digits, hyphens and underscores, 1…64. Unique in the file.</value>
    public required string Label { get; init; }

    /// <value>Default <c>chat</c>.</value>
    public CaptionerKind Kind { get; init; }

    /// <value>Where the requests go first; null for the kind <c>onnx</c>.</value>
    public ChatTarget? Target { get; init; }

    /// <value>Where they go when that endpoint gave no answer; null for nowhere.</value>
    public ChatTarget? Fallback { get; init; }

    /// <value>Folder of the local checkpoint, for the kind <c>onnx</c>.</value>
    public string? Checkpoint { get; init; }

    /// <value>The model's own name; the label where a local checkpoint gives none.</value>
    public required string Model { get; init; }

    /// <value>Of the model; null when nobody said.</value>
    public string? Revision { get; init; }

    /// <value>Licence of the model's captions; null when nobody said.</value>
    public string? Licence { get; init; }

    /// <value>Template with the variables of <see cref="PromptTemplate"/>, at most 8,000 characters. Default <c>Describe this image in detail.</c></value>
    public required PromptTemplate Prompt { get; init; }

    /// <value>System message, at most 8,000 characters; null for none.</value>
    public string? System { get; init; }

    /// <value>How the answer is drawn.</value>
    public Decoding Decoding { get; init; } = new();

    /// <value>Asks in flight at once, 1…256. Default 4.</value>
    public int Concurrency { get; init; } = 4;

    /// <value>Requests that may begin in a minute, 1…1,000,000; null for no limit.</value>
    public int? RequestsPerMinute { get; init; }

    /// <value>Tokens in and out a minute, 1,000…1,000,000,000; null for no limit.</value>
    public int? TokensPerMinute { get; init; }

    /// <value>What tokens cost. Default nothing.</value>
    public TokenPrice Price { get; init; } = new(0, 0);

    /// <value>Seconds that one request may take, 1…3,600. Default 120.</value>
    public double DeadlineSeconds { get; init; } = 120;

    /// <value>Requests to one endpoint for one ask, 1…20. Default 4.</value>
    public int MaxAttempts { get; init; } = 4;

    /// <value>The longer side of the image that is sent, 64…8,192 pixels: a bigger one is shrunk. Default 1,024.</value>
    public int ImageMaxSide { get; init; } = 1024;

    /// <value><c>low</c>, <c>high</c> or <c>auto</c> as OpenAI has them; null sends nothing.</value>
    public string? ImageDetail { get; init; }

    /// <value>What the endpoint calls the limit of the answer: <c>max_tokens</c> (default) or <c>max_completion_tokens</c>.</value>
    public string MaxTokensField { get; init; } = "max_tokens";

    /// <value>What a usable caption must be like.</value>
    public CaptionRules Rules { get; init; } = new();
}

/// <summary>An endpoint and how one is let in.</summary>
/// <param name="Endpoint">http(s) address up to the part before <c>/chat/completions</c>.</param>
/// <param name="Model">The model's name there.</param>
/// <param name="Auth"><c>bearer</c> (default) or <c>api-key</c>, the header of Azure OpenAI.</param>
/// <param name="ApiVersion">Query parameter <c>api-version</c> of older Azure endpoints; null for none.</param>
public sealed record ChatTarget(Uri Endpoint, string Model, string Auth, string? ApiVersion)
{
    /// <value>Where the key is; null for an endpoint without one. Stands in no record: it says something of the machine, not of the captions.</value>
    [JsonIgnore]
    public KeyReference? Key { get; init; }
}

/// <summary>What tokens cost.</summary>
/// <param name="PerMillionInput">Of the prompt with its image, 0…1,000,000.</param>
/// <param name="PerMillionOutput">Of the answer, 0…1,000,000.</param>
/// <param name="Currency">Three capital letters, the same in the whole file. Default USD.</param>
public sealed record TokenPrice(decimal PerMillionInput, decimal PerMillionOutput, string Currency = "USD")
{
    /// <summary>What so many tokens cost.</summary>
    public decimal Of(int input, int output) => ((input * PerMillionInput) + (output * PerMillionOutput)) / 1_000_000m;
}
