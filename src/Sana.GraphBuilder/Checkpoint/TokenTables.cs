using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>Where GPT-2's two tables of tokens are. Tied ones are one tensor, which files hold under either name or under both.</summary>
/// <param name="Embedding">Module that ids are looked up in.</param>
/// <param name="Head">Module that makes logits.</param>
internal readonly record struct TokenTables(string Embedding, string Head)
{
    private const string Wte = "decoder.transformer.wte";
    private const string LmHead = "decoder.lm_head";

    public static TokenTables Untied { get; } = new(Wte, LmHead);

    public static TokenTables Of(Weights weights, bool mayBeTied)
    {
        if (!mayBeTied)
            return Untied;
        var (embedding, head) = (weights.TryGet($"{Wte}.weight", out _), weights.TryGet($"{LmHead}.weight", out _));
        return new TokenTables(head && !embedding ? LmHead : Wte, head ? LmHead : Wte);
    }
}
