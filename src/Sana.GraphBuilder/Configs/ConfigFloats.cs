using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.GraphBuilder.Configs;

/// <summary>
/// Writes a config as the reference can open it: its classes tell whole numbers from others, and refuse <c>30</c> where they have <c>30.0</c>. JSON in .NET does not
/// keep the difference, so the fields that are floats are listed here.
/// </summary>
internal static class ConfigFloats
{
    private static readonly JsonSerializerOptions _readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Fields that are floats in the reference's classes, in a config or in a section of one.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "attn_logit_softcapping", "final_logit_softcapping", "rms_norm_eps", "rope_theta", "initializer_range", "initializer_factor", "attention_dropout", "dropout",
        "hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps", "layer_norm_epsilon", "logit_scale_init_value", "attn_pdrop", "embd_pdrop", "resid_pdrop",
        "norm_eps", "mlp_ratio", "interpolation_scale", "guidance_embeds_scale", "timestep_scale", "scaling_factor", "flow_shift", "shift", "sigma_data", "max_timesteps",
        "intermediate_timesteps", "beta_start", "beta_end", "dynamic_thresholding_ratio", "sample_max_value", "rescale_factor", "image_mean", "image_std", "temperature",
    };

    /// <summary>The config as indented JSON.</summary>
    public static string Text(JsonNode config)
    {
        var copy = config.DeepClone();
        Mark(copy, isFloat: false);
        return copy.ToJsonString(_readable) + "\n";
    }

    private static void Mark(JsonNode node, bool isFloat)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (name, value) in fields.ToArray())
                {
                    if (value is JsonValue number && Names.Contains(name) && Float(number) is { } marked)
                        fields[name] = marked;
                    else if (value is not null)
                        Mark(value, Names.Contains(name));
                }

                break;
            case JsonArray list:
                for (var i = 0; i < list.Count; i++)
                {
                    if (isFloat && list[i] is JsonValue number && Float(number) is { } marked)
                        list[i] = marked;
                    else if (list[i] is { } inner)
                        Mark(inner, isFloat);
                }

                break;
        }
    }

    // A number that is whole, with its .0; null for any other value.
    private static JsonNode? Float(JsonValue value)
    {
        if (value.GetValueKind() != JsonValueKind.Number)
            return null;
        var text = value.ToJsonString();
        return text.AsSpan().ContainsAny('.', 'e', 'E') ? null : JsonNode.Parse(decimal.Parse(text, CultureInfo.InvariantCulture).ToString("0.0", CultureInfo.InvariantCulture));
    }
}
