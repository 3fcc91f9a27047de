using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>The tensors of a VisionEncoderDecoderModel of ViT and GPT-2, in forward order.</summary>
internal static class CaptionerTensors
{
    // Enumerated lazily: a config with more layers than the file is refused at the first tensor that is missing.
    public static IEnumerable<ExpectedTensor> All(VisionEncoderDecoderConfig config, TokenTables tables) => Encoder(config).Concat(Decoder(config.Decoder, tables));

    public static IEnumerable<ExpectedTensor> Encoder(VisionEncoderDecoderConfig config)
    {
        var vit = config.Encoder;
        var d = vit.HiddenSize;
        IEnumerable<ExpectedTensor> embeddings =
        [
            new("encoder.embeddings.cls_token", 1, 1, d),
            new("encoder.embeddings.patch_embeddings.projection.weight", d, 3, vit.PatchSize, vit.PatchSize),
            new("encoder.embeddings.patch_embeddings.projection.bias", d),
            new("encoder.embeddings.position_embeddings", 1, vit.Tokens, d),
        ];
        return embeddings
            .Concat(Enumerable.Range(0, vit.NumHiddenLayers).SelectMany(i => EncoderLayer(vit, $"encoder.encoder.layer.{i}")))
            .Concat(Norm("encoder.layernorm", d))
            .Concat(config.Projects ? Linear("enc_to_dec_proj", d, config.Decoder.NEmbd) : []);
    }

    public static IEnumerable<ExpectedTensor> Decoder(Gpt2Config config, TokenTables tables)
    {
        IEnumerable<ExpectedTensor> embeddings =
        [
            new($"{tables.Embedding}.weight", config.VocabSize, config.NEmbd),
            new("decoder.transformer.wpe.weight", config.NPositions, config.NEmbd),
        ];
        return embeddings
            .Concat(Enumerable.Range(0, config.NLayer).SelectMany(i => Block(config, $"decoder.transformer.h.{i}")))
            .Concat(Norm("decoder.transformer.ln_f", config.NEmbd))
            .Concat(tables.Head == tables.Embedding ? [] : [new($"{tables.Head}.weight", config.VocabSize, config.NEmbd)]);
    }

    private static ExpectedTensor[] EncoderLayer(VitConfig config, string name)
    {
        var (d, h, bias) = (config.HiddenSize, config.IntermediateSize, config.QkvBias);
        return
        [
            .. Norm($"{name}.layernorm_before", d),
            .. Linear($"{name}.attention.attention.query", d, d, bias),
            .. Linear($"{name}.attention.attention.key", d, d, bias),
            .. Linear($"{name}.attention.attention.value", d, d, bias),
            .. Linear($"{name}.attention.output.dense", d, d),
            .. Norm($"{name}.layernorm_after", d),
            .. Linear($"{name}.intermediate.dense", d, h),
            .. Linear($"{name}.output.dense", h, d),
        ];
    }

    private static ExpectedTensor[] Block(Gpt2Config config, string name)
    {
        var (d, h) = (config.NEmbd, config.NInner);
        return
        [
            .. Norm($"{name}.ln_1", d),
            .. Conv1D($"{name}.attn.c_attn", d, 3 * d),
            .. Conv1D($"{name}.attn.c_proj", d, d),
            .. Norm($"{name}.ln_cross_attn", d),
            .. Conv1D($"{name}.crossattention.q_attn", d, d),
            .. Conv1D($"{name}.crossattention.c_attn", d, 2 * d),
            .. Conv1D($"{name}.crossattention.c_proj", d, d),
            .. Norm($"{name}.ln_2", d),
            .. Conv1D($"{name}.mlp.c_fc", d, h),
            .. Conv1D($"{name}.mlp.c_proj", h, d),
        ];
    }

    private static ExpectedTensor[] Norm(string name, long width) => [new($"{name}.weight", width), new($"{name}.bias", width)];

    private static ExpectedTensor[] Linear(string name, long from, long to, bool bias = true) =>
        bias ? [new($"{name}.weight", to, from), new($"{name}.bias", to)] : [new($"{name}.weight", to, from)];

    // GPT-2 stores these weights transposed: [in, out].
    private static ExpectedTensor[] Conv1D(string name, long from, long to) => [new($"{name}.weight", from, to), new($"{name}.bias", to)];
}

/// <summary>Where GPT-2's token embedding and output head are. Tied weights are one tensor, which files have under either name or under both.</summary>
/// <param name="Embedding">Module of the token embedding.</param>
/// <param name="Head">Module that computes logits.</param>
internal readonly record struct TokenTables(string Embedding, string Head)
{
    private const string Wte = "decoder.transformer.wte";
    private const string LmHead = "decoder.lm_head";

    public static TokenTables Untied { get; } = new(Wte, LmHead);

    public static TokenTables Find(SafetensorsWeights weights, bool mayBeTied)
    {
        if (!mayBeTied)
            return Untied;
        var (embedding, head) = (weights.TryGet($"{Wte}.weight", out _), weights.TryGet($"{LmHead}.weight", out _));
        return new TokenTables(head && !embedding ? LmHead : Wte, head ? LmHead : Wte);
    }
}
