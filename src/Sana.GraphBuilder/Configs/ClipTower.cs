namespace Sana.GraphBuilder.Configs;

/// <summary>What both towers of CLIP are described by.</summary>
/// <param name="HiddenSize">Width of a token.</param>
/// <param name="IntermediateSize">Width inside the MLP.</param>
/// <param name="NumHiddenLayers">Layers, 1…512.</param>
/// <param name="NumAttentionHeads">Heads; they divide the width.</param>
/// <param name="HiddenAct"><c>quick_gelu</c> (x·sigmoid(1.702x), OpenAI's weights) or <c>gelu</c> (exact, with erf).</param>
/// <param name="LayerNormEps">Added to the variance, 1e-5 in published models.</param>
internal sealed record ClipTower(int HiddenSize, int IntermediateSize, int NumHiddenLayers, int NumAttentionHeads, string HiddenAct, double LayerNormEps)
{
    public static ClipTower Load(JsonConfig json, int hiddenSize, int intermediateSize, int heads)
    {
        var tower = new ClipTower(
            json.Integer("hidden_size", 1, 65_536, hiddenSize),
            json.Integer("intermediate_size", 1, 1_048_576, intermediateSize),
            json.Integer("num_hidden_layers", 1, 512, 12),
            json.Integer("num_attention_heads", 1, 1_024, heads),
            json.Word("hidden_act", "quick_gelu", "quick_gelu", "gelu"),
            json.Number("layer_norm_eps", 0, 1, 1e-5));
        return tower.HiddenSize % tower.NumAttentionHeads == 0
            ? tower
            : throw json.Wrong("num_attention_heads", $"a divisor of hidden_size {tower.HiddenSize}");
    }
}
