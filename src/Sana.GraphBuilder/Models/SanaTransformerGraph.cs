using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// The linear diffusion transformer (SANA, arXiv:2410.10629, section 3.2; diffusers' SanaTransformer2DModel), cut in two:
/// <see cref="Conditioning"/> depends only on the prompt and runs once a prompt; <see cref="Denoise"/> runs once a step.
/// Its control network (diffusers' SanaControlNetModel) is cut in the same place: <see cref="Conditioning"/> and <see cref="Control"/>.
/// The stream of tokens, norms, modulation, linear attention and its clip are float32 in every arithmetic; products and what stands between them are in the graph's.
/// Letters: b batch, n latent tokens (height · width), l text tokens, d width.
/// </summary>
internal sealed class SanaTransformerGraph(Graph g, SanaTransformerConfig config, bool clamp)
{
    // Limits of float16, to which the networks of the first release were trained to cut their attention output.
    private const float HalfMax = 65504f;
    private const float AttentionEpsilon = 1e-15f;
    private const float QkNormEpsilon = 1e-5f;

    // What enters conv_point has single large channels: with 8 bits it alone makes nearly all of the error of an eight-bit network, with 16 next to none.
    private const int GateBits = 16;

    private readonly Dim _width = config.Width;
    private readonly Dictionary<string, (Value From, Value To)> _ranges = [];

    /// <summary>Text embeddings [b, l, caption_channels] to every block's cross-attention keys [b, heads, head_dim, l], scaled by 1/√head_dim, and values [b, heads, l, head_dim].</summary>
    public KeysAndValues[] Conditioning(Value embeddings)
    {
        var x = g.Cast(embeddings, g.Compute);
        x = g.Linear(x, "caption_projection.linear_1"); // [b, l, d]
        x = g.Linear(g.GeluTanh(x), "caption_projection.linear_2");
        var caption = g.Module("caption_norm", g.RmsNorm(x, g.Weight("caption_norm.weight"), 1e-5f));
        return [.. Enumerable.Range(0, config.NumLayers).Select(i => TextOf(caption, $"transformer_blocks.{i}.attn2"))];
    }

    /// <summary>One evaluation: latents [b, c, h, w] at a timestep to the velocity [b, c, h, w].</summary>
    /// <param name="latents">[b, c, h, w].</param>
    /// <param name="timestep">[b], float32.</param>
    /// <param name="guidance">[b], float32, for checkpoints that embed it.</param>
    /// <param name="mask">[b, l], int64: 1 for text tokens that count.</param>
    /// <param name="text">From <see cref="Conditioning"/>.</param>
    public Value Denoise(Value latents, Value timestep, Value? guidance, Value mask, KeysAndValues[] text)
    {
        var (height, width) = (latents[2], latents[3]);
        var x = g.Module("patch_embed", Patches(latents)); // [b, n, d]
        var (embedded, time) = TimeEmbedding(timestep, guidance); // [b, d], [b, 6, d]
        var bias = TextBias(mask); // [b, 1, 1, l]
        for (var i = 0; i < config.NumLayers; i++)
        {
            var path = $"transformer_blocks.{i}";
            x = g.IsExtended ? PerturbedBlock(x, time, text[i], bias, height, width, path) : Block(x, time, text[i], bias, height, width, path);
            x = g.IsExtended && i > 0 ? g.Plus(x, ResidualOf(i - 1)) : x; // of a control network: after its block j comes this one's j + 1
            g.Module(path, x);
        }

        g.Path = "norm_out";
        embedded = g.Reshape(g.Cast(embedded, ElementType.Float), latents[0], 1, _width);
        embedded = g.IsExtended ? Shared(embedded, "norm_out", x[0]) : embedded;
        var modulation = g.Add(g.Weight("scale_shift_table", ElementType.Float), embedded); // [b, 2, d]
        var (shift, scaling) = (g.Row(modulation, 1, 0), g.Row(modulation, 1, 1));
        x = g.Linear(Modulate(x, shift, scaling), "proj_out"); // [b, n, c]
        return g.Reshape(g.Transpose(x, 0, 2, 1), x[0], latents[1], height, width); // [b, c, h, w]
    }

    /// <summary>One evaluation of the control network: what each of its blocks adds to the transformer, [b, n, d], after the transformer's block of the next number.</summary>
    /// <param name="latents">[b, c, h, w], the same that the transformer evaluates.</param>
    /// <param name="control">[b, c, h, w], latents of the control image, multiplied by the scaling factor.</param>
    /// <param name="scale">[1], what they are multiplied by.</param>
    /// <param name="timestep">[b], float32.</param>
    /// <param name="mask">[b, l], int64: 1 for text tokens that count.</param>
    /// <param name="text">From <see cref="Conditioning"/>, of the control network's own weights.</param>
    public Value[] Control(Value latents, Value control, Value scale, Value timestep, Value mask, KeysAndValues[] text)
    {
        var x = Patches(latents); // [b, n, d]
        x = g.Add(x, g.Cast(g.Linear(g.Cast(Patches(control), g.Compute), "input_block"), ElementType.Float));
        var (_, time) = TimeEmbedding(timestep, guidance: null); // [b, 6, d]
        var bias = TextBias(mask); // [b, 1, 1, l]
        var residuals = new Value[config.NumLayers];
        for (var i = 0; i < config.NumLayers; i++)
        {
            x = g.Module($"transformer_blocks.{i}", Block(x, time, text[i], bias, latents[2], latents[3], $"transformer_blocks.{i}")); // [b, n, d]
            g.Path = $"controlnet_blocks.{i}";
            residuals[i] = g.Mul(g.Cast(g.Linear(g.Cast(x, g.Compute), g.Path), ElementType.Float), scale);
        }

        return residuals;
    }

    /// <summary>What a control network's block is called where it goes out and where it goes in.</summary>
    public static string ResidualOf(int block) => $"controlnet_block_samples.{block}";

    // Latents [b, c, h, w] to tokens [b, n, d], each with its position where the network has positions.
    private Value Patches(Value latents)
    {
        var (height, width) = (latents[2], latents[3]);
        var x = g.Conv(g.Cast(latents, g.Compute), "patch_embed.proj"); // [b, d, h, w]
        x = g.Cast(g.Transpose(g.Reshape(x, latents[0], _width, height * width), 0, 2, 1), ElementType.Float); // [b, n, d]
        return config.InterpolationScale is { } scale
            ? g.Add(x, SinCosPositionEmbedding.Build(g, height, width, _width.Factor, config.SampleSize, scale))
            : x;
    }

    // 0 for text tokens that count, −10000 for the others: [b, 1, 1, l].
    private Value TextBias(Value mask)
    {
        var bias = g.Mul(g.Sub(g.Scalar(1, ElementType.Float), g.Cast(mask, ElementType.Float)), g.Scalar(-10000, ElementType.Float));
        return g.Reshape(bias, mask[0], 1, 1, mask[1]);
    }

    // Perturbed-attention guidance (PAG, arXiv:2403.17377): from some block on, samples are computed a second time, with the self-attention of some blocks replaced by its values.
    // Before the first such block both are the same, so the samples are copied there, and what all blocks share is copied for those that follow. What to copy, and from which
    // sample on a block is perturbed, are inputs; where a run does not give them nothing is copied or perturbed.
    private Value PerturbedBlock(Value x, Value time, KeysAndValues text, Value bias, Dim height, Dim width, string path)
    {
        g.Path = path;
        var samples = Dim.Symbolic($"{path}.samples");
        x = Copied(x, $"{path}.copied", samples);
        g.Name(samples, x);
        text = new KeysAndValues(Shared(text.Key, path, samples), Shared(text.Value, path, samples));
        return Block(x, Shared(time, path, samples), text, Shared(bias, path, samples), height, width, path, g.OptionalNumber($"{path}.perturbed_from", long.MaxValue));
    }

    private Value Shared(Value x, string path, Dim samples) => Copied(x, $"{path}.shared", samples);

    private Value Copied(Value x, string name, Dim samples)
    {
        if (!_ranges.TryGetValue(name, out var range))
            _ranges[name] = range = (g.OptionalNumber($"{name}_from", 0), g.OptionalNumber($"{name}_to", 0));
        return g.Joined(x, g.Rows(x, range.From, range.To, Dim.Symbolic($"{name}.samples")), samples);
    }

    private KeysAndValues TextOf(Value caption, string path)
    {
        g.Path = path;
        var (heads, size) = (config.NumCrossAttentionHeads, config.CrossAttentionHeadDim);
        var key = QkNorm(g.Linear(caption, $"{path}.to_k"), $"{path}.norm_k"); // [b, l, d]
        key = g.Mul(key, g.Scalar(1f / MathF.Sqrt(size), key.Type));
        var value = g.Linear(caption, $"{path}.to_v");
        return new KeysAndValues(Heads(key, heads, size, 0, 2, 3, 1), Heads(value, heads, size, 0, 2, 1, 3));
    }

    private (Value Embedded, Value Six) TimeEmbedding(Value timestep, Value? guidance)
    {
        g.Path = "time_embed";
        var time = config.TimestepScale == 1 ? timestep : g.Mul(timestep, g.Scalar((float)config.TimestepScale, ElementType.Float));
        var embedded = guidance is null
            ? Embedder(time, "time_embed.emb.timestep_embedder")
            : g.Add(Embedder(time, "time_embed.timestep_embedder"), Embedder(guidance, "time_embed.guidance_embedder"));
        g.Module("time_embed.embedded_timestep", embedded); // [b, d]
        var six = g.Module("time_embed.linear", g.Linear(g.Silu(embedded), "time_embed.linear")); // [b, 6d]
        return (embedded, g.Reshape(g.Cast(six, ElementType.Float), timestep[0], 6, _width));
    }

    private Value Embedder(Value scalar, string path)
    {
        g.Path = path;
        var angles = g.Mul(g.Reshape(scalar, scalar[0], 1), g.Constant(Sinusoid.Frequencies, 1, Sinusoid.Frequencies.Length)); // [b, 128]
        var sinusoid = g.Cast(g.Concat(1, g.Cos(angles), g.Sin(angles)), g.Compute); // [b, 256]
        return g.Linear(g.Silu(g.Linear(sinusoid, $"{path}.linear_1")), $"{path}.linear_2"); // [b, d]
    }

    private Value Block(Value x, Value time, KeysAndValues text, Value bias, Dim height, Dim width, string path, Value? perturbedFrom = null)
    {
        g.Path = path;
        var m = g.Split(g.Add(g.Weight($"{path}.scale_shift_table", ElementType.Float), time), 1, 6); // 6 × [b, 1, d]
        var (shiftAttention, scaleAttention, gateAttention) = (m[0], m[1], m[2]);
        var (shiftMlp, scaleMlp, gateMlp) = (m[3], m[4], m[5]);

        var attended = LinearAttention(Modulate(x, shiftAttention, scaleAttention), $"{path}.attn1", perturbedFrom);
        x = g.Add(x, g.Mul(gateAttention, attended));
        x = g.Add(x, CrossAttention(g.Cast(x, g.Compute), text, bias, $"{path}.attn2")); // no norm, no gate
        g.Path = path;
        var mixed = MixFeedForward(Modulate(x, shiftMlp, scaleMlp), height, width, $"{path}.ff");
        return g.Add(x, g.Mul(gateMlp, mixed));
    }

    // ReLU linear attention (equation 2 of the paper): (relu(q) · relu(k)ᵀv) / (relu(q) · Σ relu(k)), in float32 because the sums run over all tokens.
    private Value LinearAttention(Value x, string path, Value? perturbedFrom)
    {
        g.Path = path;
        var plain = perturbedFrom is null ? x : g.Rows(x, g.Constant(0L), perturbedFrom, Dim.Symbolic($"{path}.plain"));
        g.Name(plain[0], plain);
        var q = g.Cast(QkNorm(g.WideLinear(plain, $"{path}.to_q", bias: false), $"{path}.norm_q"), ElementType.Float);
        var k = g.Cast(QkNorm(g.WideLinear(plain, $"{path}.to_k", bias: false), $"{path}.norm_k"), ElementType.Float);
        var v = g.Cast(g.WideLinear(x, $"{path}.to_v", bias: false), ElementType.Float); // [b, n, d]
        var mixed = perturbedFrom is null
            ? Attended(q, k, v)
            : g.Joined(Attended(q, k, g.Rows(v, g.Constant(0L), perturbedFrom, plain[0])), g.Rows(v, perturbedFrom, g.Constant(long.MaxValue), Dim.Symbolic($"{path}.perturbed")), x[0]);
        var output = g.Cast(g.WideLinear(g.Cast(mixed, g.Compute), $"{path}.to_out.0"), ElementType.Float); // [b, n, d]
        return g.Module(path, clamp ? g.Clip(output, HalfMax) : output);
    }

    private Value Attended(Value q, Value k, Value v)
    {
        var (heads, size) = (config.NumAttentionHeads, config.AttentionHeadDim);
        q = Heads(g.Relu(q), heads, size, 0, 2, 1, 3); // [b, heads, n, 32]
        k = Heads(g.Relu(k), heads, size, 0, 2, 3, 1); // [b, heads, 32, n]
        v = Heads(v, heads, size, 0, 2, 1, 3); // [b, heads, n, 32]
        var sums = g.Add(g.MatMul(q, g.Sum(k, 3)), g.Scalar(AttentionEpsilon, ElementType.Float)); // [b, heads, n, 1]
        return Merge(g.Div(g.MatMul(q, g.MatMul(k, v)), sums)); // [b, n, d]
    }

    private Value CrossAttention(Value x, KeysAndValues text, Value bias, string path)
    {
        g.Path = path;
        var q = QkNorm(g.WideLinear(x, $"{path}.to_q"), $"{path}.norm_q");
        q = Heads(q, config.NumCrossAttentionHeads, config.CrossAttentionHeadDim, 0, 2, 1, 3); // [b, heads, n, head_dim]
        var scores = g.Add(g.Cast(g.MatMul(q, text.Key), ElementType.Float), bias); // [b, heads, n, l]
        var mixed = g.MatMul(g.Cast(g.Softmax(scores), g.Compute), text.Value); // [b, heads, n, head_dim]
        return g.Module(path, g.Cast(g.WideLinear(Merge(mixed), $"{path}.to_out.0"), ElementType.Float));
    }

    // Mix-FFN: 1×1 up, SiLU, 3×3 depthwise, gate, 1×1 down. The depthwise convolution gives the network the positions of tokens.
    private Value MixFeedForward(Value x, Dim height, Dim width, string path)
    {
        g.Path = path;
        if (g.Arithmetic.PointwiseOnTokens)
            return MixFeedForwardOnTokens(x, height, width, path);

        var (batch, tokens) = (x[0], x[1]);
        x = g.Transpose(g.Reshape(x, batch, height, width, _width), 0, 3, 1, 2); // [b, d, h, w]: ONNX Runtime merges this transpose into its blocked layout
        x = g.Silu(g.Conv(x, $"{path}.conv_inverted")); // [b, 2·hidden, h, w]
        x = g.Conv(x, $"{path}.conv_depth", groups: x[1].Factor);
        var parts = g.Split(x, 1, 2);
        x = g.Mul(parts[0], g.Silu(parts[1])); // [b, hidden, h, w]
        x = g.Module(path, g.Conv(x, $"{path}.conv_point", bias: false)); // [b, d, h, w]
        return g.Reshape(g.Transpose(x, 0, 2, 3, 1), batch, tokens, _width); // [b, n, d]
    }

    // The same with the 1×1 convolutions as products over tokens. The two halves of the gate are computed apart, so nothing is split.
    private Value MixFeedForwardOnTokens(Value x, Dim height, Dim width, string path)
    {
        var hidden = (long)config.FeedForwardWidth;
        var (value, gate) = (Half(0), Half(hidden)); // [b, n, hidden]
        x = g.WideLinear(g.Mul(value, g.Silu(gate)), $"{path}.conv_point", bias: false, bits: GateBits); // [b, n, d]
        return g.Module(path, g.Cast(x, ElementType.Float));

        Value Half(long first)
        {
            var up = g.Silu(g.WideLinear(x, $"{path}.conv_inverted", rows: (first, hidden)));
            up = g.Transpose(g.Reshape(up, x[0], height, width, hidden), 0, 3, 1, 2); // ONNX Runtime merges the transposes into its blocked layout
            return g.Reshape(g.Transpose(g.DepthwiseConv(up, $"{path}.conv_depth", first), 0, 2, 3, 1), x[0], x[1], hidden);
        }
    }

    private Value Modulate(Value x, Value shift, Value scale) =>
        g.Cast(g.Add(g.Mul(g.LayerNorm(x, (float)config.NormEps), g.Add(scale, g.Scalar(1, scale.Type))), shift), g.Compute);

    private Value QkNorm(Value x, string path) => !config.QkNorm ? x : g.RmsNorm(x, g.Weight($"{path}.weight"), QkNormEpsilon);

    // [b, n, d] -> [b, n, heads, size] -> the order asked for
    private Value Heads(Value x, long heads, long size, params long[] order) =>
        g.Transpose(g.Reshape(x, x[0], x[1], heads, size), order);

    // [b, heads, n, size] -> [b, n, d]
    private Value Merge(Value x) => g.Reshape(g.Transpose(x, 0, 2, 1, 3), x[0], x[2], x[1] * x[3]);
}

/// <summary>
/// The two-dimensional sine-cosine position embedding of the 2K and 4K networks. It is computed inside the graph because the grid is known only when the graph runs.
/// Half of the channels are for the column, half for the row; each half is [sin(p · ω), cos(p · ω)].
/// </summary>
internal static class SinCosPositionEmbedding
{
    /// <returns>[1, height · width, channels].</returns>
    public static Value Build(Graph g, Dim height, Dim width, long channels, long baseSize, double interpolationScale)
    {
        g.Path = "patch_embed.pos_embed";
        var columns = Axis(g, width, channels / 2, baseSize, interpolationScale); // [w, channels / 2]
        var rows = Axis(g, height, channels / 2, baseSize, interpolationScale); // [h, channels / 2]
        columns = g.Expand(g.Reshape(columns, 1, width, channels / 2), height, width, channels / 2);
        rows = g.Expand(g.Reshape(rows, height, 1, channels / 2), height, width, channels / 2);
        return g.Reshape(g.Concat(2, columns, rows), 1, height * width, channels);
    }

    // Positions are scaled so that any grid covers the base grid of the checkpoint. Positions are float32 and angles float64, as in diffusers.
    private static Value Axis(Graph g, Dim size, long channels, long baseSize, double interpolationScale)
    {
        var frequencies = Enumerable.Range(0, (int)(channels / 2)).Select(i => 1 / Math.Pow(10000, i / (channels / 2.0))).ToArray();
        var index = g.Cast(g.Range(g.Constant(0L), g.Size(size), size), ElementType.Float);
        var stretch = g.Div(g.Cast(g.Size(size), ElementType.Float), g.Scalar(baseSize, ElementType.Float));
        var positions = g.Div(g.Div(index, stretch), g.Scalar((float)interpolationScale, ElementType.Float)); // [size]
        var angles = g.Mul(g.Cast(g.Reshape(positions, size, 1), ElementType.Double), g.Constant(frequencies, 1, channels / 2));
        return g.Cast(g.Concat(1, g.Sin(angles), g.Cos(angles)), ElementType.Float); // [size, channels]
    }
}

/// <summary>The frequencies of the timestep embedding: exp(−ln(10000) · i / 128), i = 0…127, as PyTorch's float32 arithmetic gives them.</summary>
internal static class Sinusoid
{
    private const int Half = 128;

    /// <summary>128 frequencies. At timestep 999 a difference of one unit in the last place is an angle of 6e-5.</summary>
    public static float[] Frequencies { get; } = [.. Enumerable.Range(0, Half).Select(Frequency)];

    // The argument is rounded to float32 before exp. PyTorch's vectorised exp is off by one unit at i = 12, so that value is given.
    private static float Frequency(int i) => i == 12
        ? BitConverter.UInt32BitsToSingle(0x3ED7E89B)
        : (float)Math.Exp((float)-Math.Log(10000) * i / Half);
}
