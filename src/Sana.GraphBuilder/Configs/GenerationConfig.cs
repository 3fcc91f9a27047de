namespace Sana.GraphBuilder.Configs;

/// <summary>How a captioner makes a caption unless a request says otherwise. Each value comes from the first file or section that has it.</summary>
/// <param name="DecoderStartTokenId">The token before the first one of every caption; by default <c>bos_token_id</c>.</param>
/// <param name="EosTokenIds">Each of them ends a caption.</param>
/// <param name="MaxTokens">Longest caption in tokens: <c>max_new_tokens</c>, else <c>max_length</c> less the start token.</param>
/// <param name="NumBeams">Captions that are kept beside one another while one is searched for; 1 takes the likeliest token each time.</param>
/// <param name="NoRepeatNgramSize">So many tokens in a row are in a caption only once; 0 for no such rule.</param>
/// <param name="LengthPenalty">With beams: the sum of log probabilities is divided by the number of tokens to this power.</param>
/// <param name="EarlyStopping">With beams, when the search ends: <c>true</c>, as soon as there are as many ended captions as beams; <c>false</c>, when no better one is likely; <c>never</c>, when none is possible.</param>
/// <param name="ForcedBosTokenId">The first token of every caption; null for none.</param>
/// <param name="ForcedEosTokenId">The last token of a caption that reaches the greatest length; null for none.</param>
internal sealed record GenerationConfig(
    int DecoderStartTokenId,
    int[] EosTokenIds,
    int MaxTokens,
    int NumBeams,
    int NoRepeatNgramSize,
    double LengthPenalty,
    string EarlyStopping,
    int? ForcedBosTokenId,
    int? ForcedEosTokenId)
{
    /// <summary>Of transformers: 20, the start token among them.</summary>
    public const int DefaultMaxTokens = 19;

    /// <summary>Fields that count in the first source that has them; the others' are overruled.</summary>
    public static readonly IReadOnlyCollection<string> Fields =
        ["num_beams", "no_repeat_ngram_size", "length_penalty", "early_stopping", "forced_bos_token_id", "forced_eos_token_id"];

    private const int EndOfText = 50_256; // of every GPT-2 vocabulary that was published
    private const int MostEnds = 16;

    /// <param name="sources">The files and sections, the first one first.</param>
    /// <param name="lengths">Those that may say how long a caption is.</param>
    /// <param name="vocabulary">Ids are below this.</param>
    /// <param name="defaultTokens">Longest caption where nothing says it.</param>
    /// <param name="positions">Most tokens that the decoder takes.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for a way to make captions that is not built here.</exception>
    public static GenerationConfig Load(JsonConfig[] sources, JsonConfig[] lengths, int vocabulary, int defaultTokens, int positions)
    {
        foreach (var source in sources)
            source.RefuseDecoding(TransformersFields.Decoding);
        var last = vocabulary - 1;
        var start = With("decoder_start_token_id") ?? With("bos_token_id");
        var key = start is not null && start.Has("decoder_start_token_id") ? "decoder_start_token_id" : "bos_token_id";
        var tokens = lengths.FirstOrDefault(source => source.Has("max_new_tokens"))?.Integer("max_new_tokens", 1, 1_000_000)
            ?? (lengths.FirstOrDefault(source => source.Has("max_length"))?.Integer("max_length", 2, 1_000_000) ?? defaultTokens + 1) - 1;
        return new GenerationConfig(
            (start ?? sources[^1]).Integer(key, 0, last, EndOfText <= last ? EndOfText : null),
            (With("eos_token_id") ?? sources[^1]).OneOrMore("eos_token_id", 0, last, MostEnds, EndOfText <= last ? EndOfText : null),
            Math.Min(tokens, positions),
            With("num_beams")?.Integer("num_beams", 1, 8) ?? 1,
            With("no_repeat_ngram_size")?.Integer("no_repeat_ngram_size", 0, 64) ?? 0,
            With("length_penalty")?.Number("length_penalty", -10, 10) ?? 1,
            With("early_stopping")?.FlagOrWord("early_stopping", "never") ?? "false",
            With("forced_bos_token_id")?.Integer("forced_bos_token_id", 0, last),
            With("forced_eos_token_id")?.Integer("forced_eos_token_id", 0, last));

        JsonConfig? With(string name) => sources.FirstOrDefault(source => source.Has(name));
    }
}
