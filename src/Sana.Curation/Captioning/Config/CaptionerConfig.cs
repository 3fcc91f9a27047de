using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;

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

    /// <value>Folder of the local checkpoint, or a repository of the Hub (<c>owner/name[@revision]</c>), for the kind <c>onnx</c>.</value>
    public string? Checkpoint { get; init; }

    /// <value>What Florence-2 is asked for: <c>caption</c>, <c>detailed_caption</c>, <c>more_detailed_caption</c>; for the kind <c>onnx</c>. Null: <c>detailed_caption</c>.</value>
    public string? Task { get; init; }

    /// <value>Beams of the search for the likeliest caption, 1…8, for the kind <c>onnx</c>; null for what the checkpoint says.</value>
    public int? Beams { get; init; }

    /// <value>So many tokens in a row are in a caption only once, 0…64, for the kind <c>onnx</c>; 0 for no such rule, null for what the checkpoint says.</value>
    public int? NoRepeatNgramSize { get; init; }

    /// <value>What the layers of a local network compute in, <see cref="Precision.Float32"/> or <see cref="Precision.W8A8"/>, for the kind <c>onnx</c>. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Float32;

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

    /// <summary>
    /// Everything that captions depend on. Endpoint, key, price, concurrency, rate limits, deadline and attempts are left out: they only say how a run is
    /// operated.
    /// </summary>
    public JsonObject Identity() => new()
    {
        ["label"] = Label,
        ["kind"] = Kind == CaptionerKind.Chat ? "chat" : "onnx",
        ["checkpoint"] = Checkpoint,
        ["model"] = Model,
        ["revision"] = Revision,
        ["licence"] = Licence,
        ["prompt"] = Prompt.Text,
        ["settings"] = JsonNode.Parse(SettingsJson()),
    };

    /// <summary>Why this captioner cannot be asked here: a key is not where it should be. Null when nothing is known against it. Nothing is sent.</summary>
    /// <param name="environment">Reads a variable. Default the process's.</param>
    public string? MissingKey(Func<string, string?>? environment = null)
    {
        try
        {
            foreach (var target in new[] { Target, Fallback })
                target?.Key?.Read(Label, environment ?? Environment.GetEnvironmentVariable);
            return null;
        }
        catch (CurationException error)
        {
            return error.Message;
        }
    }

    /// <summary>What records say of this captioner.</summary>
    public CaptionerCard Card() => new(Label, Model, Revision, Licence, Prompt.Text, SettingsJson());

    /// <summary>What captions depend on beside model, prompt and image, as JSON.</summary>
    internal string SettingsJson() => JsonSerializer.Serialize(
        new CaptionSettings(System, Decoding, ImageMaxSide, ImageDetail, Rules, Fallback is { } fallback && fallback.Model != Model ? fallback.Model : null)
        {
            Task = Task,
            Beams = Beams,
            NoRepeatNgramSize = NoRepeatNgramSize,
            Precision = Precision == Precision.Float32 ? null : Precision.Word(),
        },
        ConfigJson.Settings.CaptionSettings);
}

/// <summary>What a caption depends on beside model, prompt and image.</summary>
/// <param name="System">System message.</param>
/// <param name="Decoding">Sampling.</param>
/// <param name="ImageMaxSide">The longer side of the image that is sent.</param>
/// <param name="ImageDetail">As OpenAI has it.</param>
/// <param name="Rules">Which captions are usable.</param>
/// <param name="FallbackModel">The fallback's model where it is another than the first endpoint's; else null.</param>
internal sealed record CaptionSettings(string? System, Decoding Decoding, int ImageMaxSide, string? ImageDetail, CaptionRules Rules, string? FallbackModel)
{
    /// <summary>Of a local captioner, as the three below; null for what it does by itself.</summary>
    public string? Task { get; init; }

    public int? Beams { get; init; }

    public int? NoRepeatNgramSize { get; init; }

    public string? Precision { get; init; }
}

/// <summary>How settings are written for identities and requests: snake_case, and what is null is left out.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(CaptionSettings))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class ConfigJson : JsonSerializerContext
{
    public static ConfigJson Settings { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>An endpoint and how one is let in.</summary>
/// <param name="Endpoint">http(s) address up to the part before <c>/chat/completions</c>.</param>
/// <param name="Model">The model's name there.</param>
/// <param name="Auth"><c>bearer</c> (default) or <c>api-key</c>, the header of Azure OpenAI.</param>
/// <param name="ApiVersion">Query parameter <c>api-version</c> of older Azure endpoints; null for none.</param>
public sealed record ChatTarget(Uri Endpoint, string Model, string Auth, string? ApiVersion)
{
    /// <value>Where the key is; null for an endpoint without one.</value>
    public KeyReference? Key { get; init; }
}

/// <summary>What tokens cost.</summary>
/// <param name="PerMillionInput">Of the prompt with its image, 0…1,000,000.</param>
/// <param name="PerMillionOutput">Of the answer, 0…1,000,000.</param>
/// <param name="Currency">Three capital letters, the same in the whole file. Default USD.</param>
public sealed record TokenPrice(decimal PerMillionInput, decimal PerMillionOutput, string Currency = "USD")
{
    /// <summary>What so many tokens cost.</summary>
    public decimal Cost(int input, int output) => ((input * PerMillionInput) + (output * PerMillionOutput)) / 1_000_000m;
}

/// <summary>What a usable caption must be like.</summary>
public sealed record CaptionRules
{
    /// <value>
    /// ISO 639-1 code of the language that captions are in, one of those that <see cref="Checks.CaptionLanguage"/> tells apart; <c>any</c> lets every one pass.
    /// Default <c>en</c>.
    /// </value>
    public string Language { get; init; } = "en";

    /// <value>Words at least, 1…1,000. Default 3. Also what a caption cut at its first repeat or last full sentence must keep, but never less than 8.</value>
    public int MinWords { get; init; } = 3;

    /// <value>Words at most, 1…10,000. Default 1,000.</value>
    public int MaxWords { get; init; } = 1000;

    /// <value>How else this model refuses: regular expressions over the beginning of the text, case ignored, at most 32 of 200 characters.</value>
    public IReadOnlyList<string> RefusalPatterns { get; init; } = [];

    /// <value>Whether openers such as <c>The image depicts</c> are taken off. Default false.</value>
    public bool StripOpener { get; init; }
}

/// <summary>How an answer is drawn. What is null is left to the endpoint.</summary>
public sealed record Decoding
{
    /// <value>0…2. Default 0.2; of the kind <c>onnx</c> 0, the likeliest caption.</value>
    public double Temperature { get; init; } = 0.2;

    /// <value>0…1.</value>
    public double? TopP { get; init; }

    /// <value>Tokens of the answer, 1…16,384. Default 512.</value>
    public int MaxTokens { get; init; } = 512;

    /// <value>0…2,147,483,647.</value>
    public int? Seed { get; init; }

    /// <value>0.5…2; only endpoints that know the field take it (vLLM, SGLang, lmdeploy).</value>
    public double? RepetitionPenalty { get; init; }

    /// <value>Texts that end an answer, at most 4 of 40 characters.</value>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <value>Further fields of the request, as they stand: at most 32. For what only one server knows.</value>
    public SortedDictionary<string, JsonElement> Extra { get; init; } = [];
}

/// <summary>Where a key is found, so that the key itself stands in no configuration.</summary>
/// <param name="Variable">An environment variable; null when a file has it.</param>
/// <param name="File">A file whose first line is the key; null when a variable has it.</param>
public sealed record KeyReference(string? Variable, string? File)
{
    private const int Longest = 4096;

    /// <summary>Fetches the key.</summary>
    /// <param name="label">Of the captioner, for the message.</param>
    /// <param name="environment">Reads a variable.</param>
    /// <exception cref="CurationException">There is no such variable or file, or what it holds is no key. The message never has it.</exception>
    internal string Read(string label, Func<string, string?> environment)
    {
        var (key, place) = Variable is not null
            ? (environment(Variable), $"The environment variable {Variable}")
            : (FirstLine(), $"The file {File}");
        key = key?.Trim();
        if (string.IsNullOrEmpty(key))
            throw new CurationException($"{place}, which should hold the key of captioner {label}, is missing or empty; set it, or name none.");
        if (key.Length > Longest || key.Any(letter => letter is < '!' or > '~'))
            throw new CurationException($"{place} holds no key for captioner {label}: a key has 1 to {Longest} visible ASCII characters.");
        return key;
    }

    private string? FirstLine()
    {
        try
        {
            using var reader = new StreamReader(File!);
            var line = new char[Longest + 2];
            var read = reader.ReadBlock(line);
            return new string(line, 0, read).Split('\n')[0];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}
