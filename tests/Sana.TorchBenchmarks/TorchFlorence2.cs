using Sana.GraphBuilder.Configs;
using static Sana.TorchBenchmarks.TorchLayers;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>
/// Florence-2 as transformers computes it: DaViT, the projector, BART; captions by the greedy rule with cached keys and values.
/// Letters: b images, c channels, h × w the map, n tokens of an image, s tokens given, t tokens so far, d width.
/// </summary>
internal sealed class TorchFlorence2(Florence2Config config, TokenTables tables, TorchWeights w)
{
    private const string Language = "model.language_model";
    private const double Epsilon = 1e-5;

    /// <summary>The encoder's states of images and of one sentence for all, [b, 1 + n + s, d].</summary>
    /// <param name="pixels">[b, 3, side, side], normalised.</param>
    /// <param name="sentence">[s].</param>
    public Tensor Encode(Tensor pixels, Tensor sentence) => Part(() =>
    {
        var image = Project(Vision(pixels)); // [b, 1 + n, d]
        var text = Embedded(sentence).unsqueeze(0).expand(image.shape[0], -1, -1);
        var x = cat([image, text], 1); // [b, 1 + n + s, d]
        x = w.LayerNorm(x + Positions("encoder", 0, x.shape[1]), $"{Language}.encoder.layernorm_embedding", Epsilon);
        for (var i = 0; i < config.Text.EncoderLayers; i++)
        {
            var layer = $"{Language}.encoder.layers.{i}";
            x = Next(x, y =>
            {
                y = Part(() => w.LayerNorm(y + SelfAttention(y, $"{layer}.self_attn"), $"{layer}.self_attn_layer_norm", Epsilon));
                return w.LayerNorm(y + Mlp(y, layer), $"{layer}.final_layer_norm", Epsilon);
            });
        }

        return x;
    });

    /// <summary>
    /// The ids of each image's captions [b · beams, tokens], start and first token included: as many as asked for, because no token ends a caption here. One beam is the greedy rule.
    /// </summary>
    public Tensor Generate(Tensor pixels, Tensor sentence, int tokens, int beams) => Part(() =>
    {
        var states = Encode(pixels, sentence).repeat_interleave(beams, 0); // [b · beams, n, d]
        using var cache = new Cache(config.Text.DecoderLayers);
        var ids = tensor(new[] { (long)config.Generation.DecoderStartTokenId, config.Generation.ForcedBosTokenId!.Value }).unsqueeze(0).expand(states.shape[0], -1);
        var scores = tensor(Enumerable.Range(0, beams).Select(beam => beam == 0 ? 0f : -1e9f).ToArray()).repeat(pixels.shape[0]).unsqueeze(1); // [b · beams, 1]: at first all beams are the same
        for (var given = ids; ids.shape[1] < tokens; given = ids.narrow(1, ids.shape[1] - 1, 1))
        {
            var logits = Logits(given, states, cache); // [b · beams, vocab]
            if (beams == 1)
            {
                ids = cat([ids, logits.argmax(-1, keepdim: true)], 1);
                continue;
            }

            var (vocabulary, all) = (logits.shape[1], (scores + nn.functional.log_softmax(logits.to_type(float32), -1)).view(pixels.shape[0], -1)); // [b, beams · vocab]
            var (values, indexes) = all.topk(beams, 1);
            var rows = (indexes.div(vocabulary, RoundingMode.floor) + (arange(pixels.shape[0]) * beams).unsqueeze(1)).flatten();
            (scores, ids) = (values.view(-1, 1), cat([ids.index_select(0, rows), indexes.remainder(vocabulary).view(-1, 1)], 1));
            cache.Reorder(rows);
        }

        return ids;
    });

    /// <summary>Ids [b, s] that follow what the cache holds, to the logits of the next token [b, vocab].</summary>
    public Tensor Logits(Tensor ids, Tensor states, Cache cache) => Part(() =>
    {
        var (before, path) = (cache.Length, $"{Language}.decoder");
        var x = w.LayerNorm(Embedded(ids) + Positions("decoder", before, ids.shape[1]), $"{path}.layernorm_embedding", Epsilon); // [b, s, d]
        for (var i = 0; i < config.Text.DecoderLayers; i++)
        {
            var (layer, index) = ($"{path}.layers.{i}", i);
            x = Next(x, y =>
            {
                var own = Part(() =>
                {
                    var (k, v) = cache.Extend(index, w.Linear(y, $"{layer}.self_attn.k_proj"), w.Linear(y, $"{layer}.self_attn.v_proj"));
                    return w.Linear(Attention(w.Linear(y, $"{layer}.self_attn.q_proj"), k, v, config.Text.DecoderAttentionHeads, causal: ids.shape[1] > 1), $"{layer}.self_attn.out_proj");
                });
                y = w.LayerNorm(y + own, $"{layer}.self_attn_layer_norm", Epsilon);
                var (keys, values) = cache.Cross(index, () => (w.Linear(states, $"{layer}.encoder_attn.k_proj"), w.Linear(states, $"{layer}.encoder_attn.v_proj")));
                var image = w.Linear(Attention(w.Linear(y, $"{layer}.encoder_attn.q_proj"), keys, values, config.Text.DecoderAttentionHeads), $"{layer}.encoder_attn.out_proj");
                y = w.LayerNorm(y + image, $"{layer}.encoder_attn_layer_norm", Epsilon);
                return w.LayerNorm(y + Mlp(y, layer), $"{layer}.final_layer_norm", Epsilon);
            });
        }

        return w.Linear(x[.., -1], tables.Head);
    });

    private Tensor Vision(Tensor pixels) => Part(() =>
    {
        var x = pixels;
        for (var i = 0; i < config.Vision.Stages.Length; i++)
        {
            var (stage, path) = (config.Vision.Stages[i], $"model.vision_tower.convs.{i}");
            x = Part(() =>
            {
                var y = stage.PatchPrenorm ? NormOfMap(x, path) : x;
                y = w.Conv(y, $"{path}.conv", stage.PatchStride, padding: stage.PatchPadding);
                return stage.PatchPrenorm ? y : NormOfMap(y, path); // [b, c, h, w]
            });
            for (var j = 0; j < stage.Depth; j++)
            {
                var block = $"model.vision_tower.blocks.{i}.{j}";
                x = Next(x, y => Block(y, $"{block}.spatial_block", (z, h, wide) => WindowAttention(z, h, wide, stage.NumHeads, $"{block}.spatial_block.window_attn")));
                x = Next(x, y => Block(y, $"{block}.channel_block", (z, _, _) => ChannelAttention(z, stage.NumGroups, $"{block}.channel_block.channel_attn")));
            }
        }

        return x;
    });

    private Tensor NormOfMap(Tensor x, string path) => w.LayerNorm(x.permute(0, 2, 3, 1), $"{path}.norm", Epsilon).permute(0, 3, 1, 2);

    private Tensor Block(Tensor x, string path, Func<Tensor, long, long, Tensor> attention) => Part(() =>
    {
        var (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3]);
        var y = Part(() => (w.Conv(x, $"{path}.conv1", groups: channels) + x).flatten(2).transpose(1, 2)); // [b, n, c]
        y = Part(() => y + attention(w.LayerNorm(y, $"{path}.norm1", Epsilon), height, width));
        var map = y.transpose(1, 2).view(-1, channels, height, width);
        y = Part(() => (w.Conv(map, $"{path}.conv2", groups: channels) + map).flatten(2).transpose(1, 2)); // [b, n, c]
        y = Part(() => y + w.Linear(nn.functional.gelu(w.Linear(w.LayerNorm(y, $"{path}.norm2", Epsilon), $"{path}.ffn.fc1")), $"{path}.ffn.fc2"));
        return y.transpose(1, 2).view(-1, channels, height, width); // [b, c, h, w]
    });

    private Tensor WindowAttention(Tensor x, long height, long width, long heads, string path) => Part(() =>
    {
        var (batch, channels, side) = (x.shape[0], x.shape[2], (long)config.Vision.WindowSize);
        var (down, across) = ((height + side - 1) / side, (width + side - 1) / side);
        var y = nn.functional.pad(x.view(batch, height, width, channels), [0, 0, 0, (across * side) - width, 0, (down * side) - height]); // [b, h', w', c]
        y = y.view(batch, down, side, across, side, channels).transpose(2, 3).reshape(batch * down * across, side * side, channels); // [b · windows, side², c]
        var parts = w.Linear(y, $"{path}.qkv").chunk(3, 2);
        y = w.Linear(Attention(parts[0], parts[1], parts[2], heads), $"{path}.proj");
        y = y.view(batch, down, across, side, side, channels).transpose(2, 3).reshape(batch, down * side, across * side, channels); // [b, h', w', c]
        return y.narrow(1, 0, height).narrow(2, 0, width).reshape(batch, height * width, channels); // [b, n, c]
    });

    // Channels look at channels of their group: tokens are what attention calls the width. The kernel's own scale is 1 / √n, n being that width.
    private Tensor ChannelAttention(Tensor x, long groups, string path) => Part(() =>
    {
        var parts = w.Linear(x, $"{path}.qkv").chunk(3, 2);
        var (q, k, v) = (Groups(parts[0]), Groups(parts[1]), Groups(parts[2])); // [b, groups, c / groups, n]
        var mixed = nn.functional.scaled_dot_product_attention(q, k, v); // [b, groups, c / groups, n]
        return w.Linear(mixed.permute(0, 3, 1, 2).flatten(2), $"{path}.proj"); // [b, n, c]

        Tensor Groups(Tensor z) => z.view(x.shape[0], x.shape[1], groups, -1).permute(0, 2, 3, 1);
    });

    private Tensor Project(Tensor map) => Part(() =>
    {
        const string path = "model.multi_modal_projector";
        var (channels, height, width) = (map.shape[1], map.shape[2], map.shape[3]);
        var column = w[$"{path}.image_position_embed.column_embeddings.weight"].narrow(0, 0, width).unsqueeze(0).expand(height, -1, -1);
        var row = w[$"{path}.image_position_embed.row_embeddings.weight"].narrow(0, 0, height).unsqueeze(1).expand(-1, width, -1);
        var x = map.flatten(2).transpose(1, 2) + cat([column, row], 2).view(1, height * width, channels) + w[$"{path}.visual_temporal_embed.pos_idx_to_embed"].narrow(0, 0, 1); // [b, n, c]
        x = w.Linear(cat([x.mean([1], keepdim: true), x], 1), $"{path}.image_projection"); // [b, 1 + n, d]
        return w.LayerNorm(x, $"{path}.image_proj_norm", Epsilon);
    });

    private Tensor SelfAttention(Tensor x, string path) => Part(() =>
        w.Linear(Attention(w.Linear(x, $"{path}.q_proj"), w.Linear(x, $"{path}.k_proj"), w.Linear(x, $"{path}.v_proj"), config.Text.EncoderAttentionHeads), $"{path}.out_proj"));

    private Tensor Mlp(Tensor x, string path) => Part(() => w.Linear(nn.functional.gelu(w.Linear(x, $"{path}.fc1")), $"{path}.fc2"));

    private Tensor Embedded(Tensor ids) => Lookup(w[$"{tables.Embedding}.weight"], ids);

    private Tensor Positions(string side, long from, long count) => w[$"{Language}.{side}.embed_positions.weight"].narrow(0, BartConfig.PositionOffset + from, count);

    /// <summary>Keys and values of the decoder: those of the tokens so far, [b, t, d], and those of the image, which are computed once.</summary>
    public sealed class Cache(int layers) : IDisposable
    {
        private readonly (Tensor K, Tensor V)?[] _own = new (Tensor, Tensor)?[layers], _cross = new (Tensor, Tensor)?[layers];

        public long Length => _own[0]?.K.shape[1] ?? 0;

        public (Tensor K, Tensor V) Extend(int layer, Tensor k, Tensor v)
        {
            var longer = _own[layer] is { } past ? (cat([past.K, k], 1), cat([past.V, v], 1)) : (k, v);
            Free(_own[layer]);
            _own[layer] = Kept(longer);
            return longer;
        }

        public (Tensor K, Tensor V) Cross(int layer, Func<(Tensor, Tensor)> compute) => _cross[layer] ??= Kept(compute());

        /// <summary>Each beam goes on from the tokens of its parent.</summary>
        public void Reorder(Tensor rows)
        {
            for (var i = 0; i < layers; i++)
            {
                var (k, v) = _own[i]!.Value;
                var next = Kept((k.index_select(0, rows), v.index_select(0, rows)));
                Free(_own[i]);
                _own[i] = next;
            }
        }

        public void Dispose()
        {
            foreach (var pair in _own.Concat(_cross))
                Free(pair);
        }

        private static (Tensor K, Tensor V) Kept((Tensor K, Tensor V) pair) => (pair.K.DetachFromDisposeScope(), pair.V.DetachFromDisposeScope());

        private static void Free((Tensor K, Tensor V)? pair)
        {
            pair?.K.Dispose();
            pair?.V.Dispose();
        }
    }
}
