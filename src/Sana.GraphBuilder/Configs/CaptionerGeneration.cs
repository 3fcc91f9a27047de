namespace Sana.GraphBuilder.Configs;

/// <summary>How a captioner begins and ends a caption. Each value is that of the first file or section that has it: generation_config.json, config.json, its <c>decoder</c>.</summary>
/// <param name="DecoderStartTokenId">The token that every caption begins with, unseen; where nobody says, <c>bos_token_id</c>.</param>
/// <param name="EosTokenIds">Each of them ends a caption.</param>
/// <param name="MaxTokens">Longest caption in tokens unless somebody asks for another: <c>max_new_tokens</c>, else <c>max_length</c> less the start token.</param>
internal sealed record CaptionerGeneration(int DecoderStartTokenId, int[] EosTokenIds, int MaxTokens)
{
    private const int EndOfText = 50_256; // of every GPT-2 vocabulary that was published
    private const int UsualLength = 20; // of transformers
    private const int MostEnds = 16;

    public static CaptionerGeneration Load(JsonConfig[] sources, Gpt2Config decoder)
    {
        var last = decoder.VocabSize - 1;
        var start = With("decoder_start_token_id") ?? With("bos_token_id");
        var key = start is not null && start.Has("decoder_start_token_id") ? "decoder_start_token_id" : "bos_token_id";
        var tokens = With("max_new_tokens")?.Integer("max_new_tokens", 1, 1_000_000)
            ?? (With("max_length")?.Integer("max_length", 2, 1_000_000) ?? UsualLength) - 1;
        return new CaptionerGeneration(
            (start ?? sources[^1]).Integer(key, 0, last, EndOfText <= last ? EndOfText : null),
            (With("eos_token_id") ?? sources[^1]).OneOrMore("eos_token_id", 0, last, MostEnds, EndOfText <= last ? EndOfText : null),
            Math.Min(tokens, decoder.NPositions));

        JsonConfig? With(string name) => sources.FirstOrDefault(source => source.Has(name));
    }
}
