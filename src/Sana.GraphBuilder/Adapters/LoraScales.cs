using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Adapters;

/// <summary>
/// What the products of a file are multiplied by: alpha / rank, with alpha from the layer's own tensor, from the settings in the file's header or beside it, or else the
/// rank, which gives 1.
/// </summary>
internal sealed class LoraScales
{
    private const string Header = "lora_adapter_metadata";
    private const string Prefix = "transformer.";
    private const int MaxPatterns = 4096;
    private const int MaxPatternLength = 1000;
    private const double MaxAlpha = 1e6;

    private readonly List<(Regex Pattern, double Alpha)> _patterns = [];
    private double? _alpha;
    private bool _root;

    private LoraScales(string source) => Source = source;

    /// <summary>Where the settings are from.</summary>
    public string Source { get; private init; }

    /// <summary>The settings of a file.</summary>
    /// <param name="file">Its header.</param>
    /// <param name="config">Full path of the settings beside it, which may be missing; null where none belong to it.</param>
    /// <exception cref="CheckpointException">They cannot be read, or ask for what is not supported.</exception>
    public static LoraScales Of(WeightFile file, string? config)
    {
        if (file.Metadata.TryGetValue(Header, out var text))
            return Read($"{Header} of {file.Path}", System.Text.Encoding.UTF8.GetBytes(text), "the file's header");
        return config is not null && File.Exists(config)
            ? Read(config, RegularFile.ReadAll(config, JsonConfig.MaxBytes), "adapter_config.json")
            : new LoraScales("no settings: alpha is the rank");
    }

    /// <summary>The scale of a layer.</summary>
    /// <param name="layer">Its name.</param>
    /// <param name="rank">1 or more.</param>
    /// <param name="stored">Alpha, where the file has a tensor for it.</param>
    /// <exception cref="CheckpointException">Alpha is no number in its range.</exception>
    public double Of(string layer, int rank, double? stored)
    {
        var alpha = stored ?? Pattern(layer) ?? _alpha ?? rank;
        if (!(Math.Abs(alpha) <= MaxAlpha))
            throw new CheckpointException(FormattableString.Invariant($"alpha of {layer} is {alpha}; it must be a number of at most {MaxAlpha}."));
        return alpha / (_root && stored is null ? Math.Sqrt(rank) : rank);
    }

    private double? Pattern(string layer)
    {
        foreach (var (pattern, alpha) in _patterns)
        {
            if (pattern.IsMatch(layer))
                return alpha;
        }

        return null;
    }

    private static LoraScales Read(string source, byte[] json, string from)
    {
        var scales = new LoraScales(from);
        try
        {
            if (json.Length > JsonConfig.MaxBytes)
                throw new CheckpointException($"{source} has {json.Length} bytes; at most {JsonConfig.MaxBytes} are read.");
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new CheckpointException($"{source} is not a JSON object; write the adapter again.");
            foreach (var member in document.RootElement.EnumerateObject())
                scales.Take(member.Name.StartsWith(Prefix, StringComparison.Ordinal) ? member.Name[Prefix.Length..] : member.Name, member.Value, source);
            return scales;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{source} is not JSON: {error.Message}", error);
        }
    }

    // Of PEFT's many settings those that change the product; what changes it in a way that is not built here is refused.
    private void Take(string name, JsonElement value, string source)
    {
        switch (name)
        {
            case "lora_alpha" when value.ValueKind != JsonValueKind.Null:
                _alpha = Number(value, name, source);
                break;
            case "use_rslora":
                _root = value.ValueKind == JsonValueKind.True;
                break;
            case "alpha_pattern" when value.ValueKind == JsonValueKind.Object:
                foreach (var pattern in value.EnumerateObject())
                    _patterns.Add((Compiled(pattern.Name, source), Number(pattern.Value, $"{name} {Quoted.Text(pattern.Name)}", source)));
                break;
            case "use_dora" when value.ValueKind == JsonValueKind.True:
                throw new CheckpointException($"{source} says use_dora: a DoRA also rescales the layers, which is not supported; train a plain LoRA.");
            case "peft_type" when value.ValueKind == JsonValueKind.String && value.GetString() != "LORA":
                throw new CheckpointException($"{source} is of the method {Quoted.Text(value.GetString()!)}; only LORA is supported.");
            case "fan_in_fan_out" or "use_qalora" or "use_bdlora" when value.ValueKind == JsonValueKind.True:
            case "layer_replication" or "alora_invocation_tokens" or "modules_to_save" when Says(value):
                throw new CheckpointException($"{source} has {name} {Quoted.Text(value.GetRawText())}, which is not supported; train a plain LoRA.");
        }
    }

    private static bool Says(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        _ => true,
    };

    private static double Number(JsonElement value, string name, string source) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
        ? number
        : throw new CheckpointException($"{name} of {source} is {Quoted.Text(value.GetRawText())}; it must be a number.");

    // PEFT's rule: the key, a regular expression, matches the end of the layer's name, at its start or after a dot.
    private Regex Compiled(string key, string source)
    {
        if (_patterns.Count == MaxPatterns || key.Length > MaxPatternLength)
            throw new CheckpointException($"alpha_pattern of {source} has more than {MaxPatterns} keys, or one of more than {MaxPatternLength} characters.");
        try
        {
            return new Regex($@"^(.*\.)?({key})\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new CheckpointException($"alpha_pattern of {source} has the key {Quoted.Text(key)}, which is no regular expression that can be used: {error.Message}", error);
        }
    }
}
