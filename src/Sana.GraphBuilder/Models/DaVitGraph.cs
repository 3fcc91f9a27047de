using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// DaViT, the vision tower of Florence-2 (arXiv:2204.03645; transformers' Florence2VisionBackbone): stages of a convolution and of blocks that attend first within windows of the map, then
/// between channels. Letters: b batch, c channels, h × w the map, n = h · w, m windows, a a window's side.
/// </summary>
internal sealed class DaVitGraph(Graph g, DaVitConfig config)
{
    private const float Epsilon = 1e-5f;

    /// <summary>Normalised pixels [b, 3, side, side] to the map of the last stage, [b, c, h, w].</summary>
    public Value Encode(Value pixels)
    {
        var x = pixels;
        for (var i = 0; i < config.Stages.Length; i++)
        {
            var stage = config.Stages[i];
            x = Smaller(x, stage, $"model.vision_tower.convs.{i}"); // [b, c, h, w]
            for (var j = 0; j < stage.Depth; j++)
            {
                var block = $"model.vision_tower.blocks.{i}.{j}";
                x = Block(x, $"{block}.spatial_block", (y, map, path) => WindowAttention(y, map, stage.NumHeads, $"{path}.window_attn"));
                x = Block(x, $"{block}.channel_block", (y, _, path) => ChannelAttention(y, stage.NumGroups, $"{path}.channel_attn"));
            }

            g.Module($"model.vision_tower.blocks.{i}", x);
        }

        return x;
    }

    private Value Smaller(Value x, DaVitStage stage, string path)
    {
        g.Path = path;
        x = stage.PatchPrenorm ? Normed(x) : x;
        x = g.Conv(x, $"{path}.conv", stride: stage.PatchStride, padding: stage.PatchPadding);
        return stage.PatchPrenorm ? x : Normed(x);

        Value Normed(Value y) => g.Transpose(g.LayerNorm(g.Transpose(y, 0, 2, 3, 1), Epsilon, $"{path}.norm"), 0, 3, 1, 2);
    }

    // What spatial and channel blocks have in common. A depthwise convolution stands before each sum.
    private Value Block(Value x, string path, Func<Value, Value, string, Value> attention)
    {
        g.Path = path;
        var map = g.Add(x, g.Conv(x, $"{path}.conv1", groups: x[1].Factor)); // [b, c, h, w]
        var y = Tokens(map); // [b, n, c]
        y = g.Add(y, attention(g.LayerNorm(y, Epsilon, $"{path}.norm1"), map, path));
        g.Path = path;
        map = Map(y, map); // [b, c, h, w]
        map = g.Add(map, g.Conv(map, $"{path}.conv2", groups: x[1].Factor));
        y = Tokens(map); // [b, n, c]
        var inner = g.WideLinear(g.LayerNorm(y, Epsilon, $"{path}.norm2"), $"{path}.ffn.fc1"); // [b, n, 4c]
        return Map(g.Add(y, g.WideLinear(g.Activation(inner, config.ActivationFunction), $"{path}.ffn.fc2")), map); // [b, c, h, w]
    }

    // The map is filled up with zeros on the right and below; keys and values of these places are the biases, and take part.
    private Value WindowAttention(Value x, Value map, long heads, string path)
    {
        g.Path = path;
        long side = config.WindowSize, c = x[2].Factor, h = map[2].Factor, w = map[3].Factor;
        long down = (h + side - 1) / side, across = (w + side - 1) / side;
        var y = g.PadEnd(g.PadEnd(g.Reshape(x, x[0], h, w, c), 1, down * side), 2, across * side); // [b, h', w', c]
        y = g.Transpose(g.Reshape(y, x[0], down, side, across, side, c), 0, 1, 3, 2, 4, 5); // [b, h'/a, w'/a, a, a, c]
        y = g.Reshape(y, x[0] * (down * across), side * side, c); // [b · m, a², c]
        var parts = g.Split(g.WideLinear(y, $"{path}.qkv", config.QkvBias), 2, 3); // queries, keys, values, each [b · m, a², c]
        var q = g.Mul(Heads(parts[0], 0, 2, 1, 3), g.Scalar(1f / MathF.Sqrt(c / heads), g.Compute)); // [b · m, heads, a², head_dim]
        var mixed = g.MatMul(g.Softmax(g.MatMul(q, Heads(parts[1], 0, 2, 3, 1))), Heads(parts[2], 0, 2, 1, 3));
        y = g.WideLinear(g.Reshape(g.Transpose(mixed, 0, 2, 1, 3), y.Shape), $"{path}.proj"); // [b · m, a², c]
        y = g.Transpose(g.Reshape(y, x[0], down, across, side, side, c), 0, 1, 3, 2, 4, 5); // [b, h'/a, a, w'/a, a, c]
        y = g.Reshape(y, x[0], down * side, across * side, c); // [b, h', w', c]
        y = h == down * side ? y : g.Row(y, 1, 0, h);
        y = w == across * side ? y : g.Row(y, 2, 0, w);
        return g.Reshape(y, x.Shape); // [b, n, c]

        Value Heads(Value z, params long[] order) => g.Transpose(g.Reshape(z, z[0], z[1], heads, c / heads), order);
    }

    // Channels look at channels of their group, over all places.
    private Value ChannelAttention(Value x, long groups, string path)
    {
        g.Path = path;
        long n = x[1].Factor, c = x[2].Factor;
        var parts = g.Split(g.WideLinear(x, $"{path}.qkv", config.QkvBias), 2, 3); // queries, keys, values, each [b, n, c]
        var q = g.Mul(Groups(parts[0], 0, 2, 3, 1), g.Scalar(1f / MathF.Sqrt(n), g.Compute)); // [b, groups, c / groups, n]
        var weights = g.Softmax(g.MatMul(q, Groups(parts[1], 0, 2, 1, 3))); // [b, groups, c / groups, c / groups]
        var mixed = g.MatMul(Groups(parts[2], 0, 2, 1, 3), g.Transpose(weights, 0, 1, 3, 2)); // [b, groups, n, c / groups]
        return g.WideLinear(g.Reshape(g.Transpose(mixed, 0, 2, 1, 3), x.Shape), $"{path}.proj"); // [b, n, c]

        Value Groups(Value z, params long[] order) => g.Transpose(g.Reshape(z, z[0], z[1], groups, c / groups), order);
    }

    private Value Tokens(Value map) => g.Transpose(g.Reshape(map, map[0], map[1], map[2] * map[3]), 0, 2, 1);

    private Value Map(Value tokens, Value like) => g.Reshape(g.Transpose(tokens, 0, 2, 1), like.Shape);
}

/// <summary>
/// From the map of the vision tower to the tokens of an image that Florence-2's language model reads (transformers' Florence2MultiModalProjector). Letters: b batch, c channels, h × w the
/// map, n = h · w, d width of the language model.
/// </summary>
internal sealed class FlorenceProjectorGraph(Graph g)
{
    private const string Path = "model.multi_modal_projector";

    /// <summary>The map [b, c, h, w] to tokens [b, 1 + n, d], that of the mean first.</summary>
    public Value Project(Value map)
    {
        g.Path = Path;
        long c = map[1].Factor, h = map[2].Factor, w = map[3].Factor;
        var column = g.WeightRows($"{Path}.image_position_embed.column_embeddings.weight", 0, w); // [w, c − c/2]
        var row = g.WeightRows($"{Path}.image_position_embed.row_embeddings.weight", 0, h); // [h, c/2]
        var place = g.Concat(2, g.Expand(g.Reshape(column, 1, w, c - (c / 2)), h, w, c - (c / 2)), g.Expand(g.Reshape(row, h, 1, c / 2), h, w, c / 2)); // [h, w, c]
        var time = g.WeightRows($"{Path}.visual_temporal_embed.pos_idx_to_embed", 0, 1); // [1, c]; an image is the first of one
        var x = g.Transpose(g.Reshape(map, map[0], c, h * w), 0, 2, 1); // [b, n, c]
        x = g.Add(g.Add(x, g.Reshape(place, h * w, c)), time);
        x = g.Linear(g.Concat(1, g.Mean(x, 1), x), $"{Path}.image_projection", bias: false); // [b, 1 + n, d]
        return g.Module(Path, g.LayerNorm(x, 1e-5f, $"{Path}.image_proj_norm"));
    }
}
