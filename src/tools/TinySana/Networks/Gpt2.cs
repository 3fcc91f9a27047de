using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>GPT-2 with cross attention (transformers' GPT2LMHeadModel inside a captioner); the head shares the embedding's weights.</summary>
internal sealed class Gpt2
{
    private readonly Parameter _tokens;
    private readonly Parameter _positions;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;

    public Gpt2(Network owner, TowerOptions options, int vocabulary, int positions)
    {
        _tokens = owner.At("decoder.transformer.wte.weight", randn(vocabulary, options.Width) * Start.Embedding);
        _positions = owner.At("decoder.transformer.wpe.weight", randn(positions, options.Width) * Start.Embedding);
        _blocks = [.. Enumerable.Range(0, options.Layers).Select(i => new Block(owner, $"decoder.transformer.h.{i}", options))];
        _norm = owner.At("decoder.transformer.ln_f", LayerNorm(options.Width, TowerOptions.Epsilon));
    }

    /// <summary>Token ids [b, s] and the encoder's states [b, n, d] to the logits of each next token, [b, s, vocab].</summary>
    public Tensor Forward(Tensor ids, Tensor states)
    {
        var x = TokenTable.Rows(_tokens, ids) + _positions[..(int)ids.shape[1]]; // [b, s, d]
        foreach (var block in _blocks)
            x = block.Forward(x, states);
        return functional.linear(_norm.forward(x), _tokens); // [b, s, vocab]
    }

    private sealed class Block
    {
        private readonly LayerNorm _norm1, _normCross, _norm2;
        private readonly Conv1D _attend, _attendOut, _crossQuery, _crossKeyValue, _crossOut, _up, _down;
        private readonly int _heads;

        public Block(Network owner, string path, TowerOptions options)
        {
            var (d, residual) = (options.Width, 0.05 / Math.Sqrt(3.0 * options.Layers));
            _heads = options.Heads;
            _norm1 = owner.At($"{path}.ln_1", LayerNorm(d, TowerOptions.Epsilon));
            _attend = owner.At($"{path}.attn.c_attn", new Conv1D(d, 3 * d));
            _attendOut = owner.At($"{path}.attn.c_proj", new Conv1D(d, d, residual));
            _normCross = owner.At($"{path}.ln_cross_attn", LayerNorm(d, TowerOptions.Epsilon));
            _crossQuery = owner.At($"{path}.crossattention.q_attn", new Conv1D(d, d));
            _crossKeyValue = owner.At($"{path}.crossattention.c_attn", new Conv1D(d, 2 * d));
            _crossOut = owner.At($"{path}.crossattention.c_proj", new Conv1D(d, d, residual));
            _norm2 = owner.At($"{path}.ln_2", LayerNorm(d, TowerOptions.Epsilon));
            _up = owner.At($"{path}.mlp.c_fc", new Conv1D(d, options.Inner));
            _down = owner.At($"{path}.mlp.c_proj", new Conv1D(options.Inner, d, residual));
        }

        public Tensor Forward(Tensor x, Tensor states)
        {
            var own = _attend.forward(_norm1.forward(x)).chunk(3, 2); // queries, keys, values, each [b, s, d]
            x = x + _attendOut.forward(Attention.Mix(own[0], own[1], own[2], _heads, causal: true));
            var query = _crossQuery.forward(_normCross.forward(x)); // [b, s, d]
            var image = _crossKeyValue.forward(states).chunk(2, 2); // keys, values, each [b, n, d]
            x = x + _crossOut.forward(Attention.Mix(query, image[0], image[1], _heads, causal: false));
            return x + _down.forward(functional.gelu(_up.forward(_norm2.forward(x))));
        }
    }
}
