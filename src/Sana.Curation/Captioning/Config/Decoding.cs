using System.Text.Json;

namespace Sana.Curation.Captioning.Config;

/// <summary>How an answer is drawn. What is null is left to the endpoint.</summary>
public sealed record Decoding
{
    /// <value>0…2. Default 0.2.</value>
    public double Temperature { get; init; } = 0.2;

    /// <value>0…1.</value>
    public double? TopP { get; init; }

    /// <value>Tokens of the answer, 1…16,384. Default 512.</value>
    public int MaxTokens { get; init; } = 512;

    /// <value>0…2,147,483,647.</value>
    public int? Seed { get; init; }

    /// <value>0.5…2; only endpoints that know the field take it (vLLM, SGLang, lmdeploy).</value>
    public double? RepetitionPenalty { get; init; }

    /// <value>Texts that end an answer, at most 4 of 40 characters.</value>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <value>Further fields of the request, as they stand: at most 32. For what only one server knows.</value>
    public SortedDictionary<string, JsonElement> Extra { get; init; } = [];
}
