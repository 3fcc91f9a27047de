using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>The tensors of a VisionEncoderDecoderModel of ViT and GPT-2, in forward order.</summary>
internal static class CaptionerTensors
{
    // Enumerated lazily: a config with more layers than the file is refused at the first tensor that is missing.
    public static IEnumerable<ExpectedTensor> All(VisionEncoderDecoderConfig config, TokenTables tables) => Encoder(config).Concat(Decoder(config.Decoder, tables));

    public static IEnumerable<ExpectedTensor> Encoder(VisionEncoderDecoderConfig config) =>
        VitTensors.All(config.Encoder, "encoder").Concat(config.Projects ? VitTensors.Linear("enc_to_dec_proj", config.Encoder.HiddenSize, config.Decoder.NEmbd) : []);

    public static IEnumerable<ExpectedTensor> Decoder(Gpt2Config config, TokenTables tables)
    {
        IEnumerable<ExpectedTensor> embeddings =
        [
            new($"{tables.Embedding}.weight", config.VocabSize, config.NEmbd),
            new("decoder.transformer.wpe.weight", config.NPositions, config.NEmbd),
        ];
        return embeddings
            .Concat(Enumerable.Range(0, config.NLayer).SelectMany(i => Block(config, $"decoder.transformer.h.{i}")))
            .Concat(VitTensors.Norm("decoder.transformer.ln_f", config.NEmbd))
            .Concat(tables.Head == tables.Embedding ? [] : [new($"{tables.Head}.weight", config.VocabSize, config.NEmbd)]);
    }

    private static ExpectedTensor[] Block(Gpt2Config config, string name)
    {
        var (d, h) = (config.NEmbd, config.NInner);
        return
        [
            .. VitTensors.Norm($"{name}.ln_1", d),
            .. Conv1D($"{name}.attn.c_attn", d, 3 * d),
            .. Conv1D($"{name}.attn.c_proj", d, d),
            .. VitTensors.Norm($"{name}.ln_cross_attn", d),
            .. Conv1D($"{name}.crossattention.q_attn", d, d),
            .. Conv1D($"{name}.crossattention.c_attn", d, 2 * d),
            .. Conv1D($"{name}.crossattention.c_proj", d, d),
            .. VitTensors.Norm($"{name}.ln_2", d),
            .. Conv1D($"{name}.mlp.c_fc", d, h),
            .. Conv1D($"{name}.mlp.c_proj", h, d),
        ];
    }

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
