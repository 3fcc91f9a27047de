using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Local.Commands;

namespace Sana.Local.Evaluation.Layouts;

/// <summary>A prompt of a public benchmark.</summary>
/// <param name="Name">DPG-Bench's name of it; GenEval numbers them.</param>
/// <param name="Text">The prompt.</param>
/// <param name="Line">GenEval's line, as it is.</param>
internal sealed record BenchmarkPrompt(string Name, string Text, string Line)
{
    /// <summary>GenEval's <c>evaluation_metadata.jsonl</c>: an object with <c>prompt</c> on each line.</summary>
    /// <exception cref="WrongUseException">The file is none.</exception>
    public static IReadOnlyList<BenchmarkPrompt> GenEval(string file) =>
        [.. File.ReadLines(file).Select((line, i) => (line, i)).Where(pair => pair.line.Trim().Length > 0).Select(pair => Parse(pair.line, pair.i + 1))];

    /// <summary>DPG-Bench's folder <c>prompts</c>: a text file for each.</summary>
    public static IReadOnlyList<BenchmarkPrompt> Dpg(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.txt").Order(StringComparer.Ordinal).Select(file => Check(new(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file).Trim(), ""), file))];

    private static BenchmarkPrompt Parse(string line, int number)
    {
        try
        {
            using var parsed = JsonDocument.Parse(line);
            if (parsed.RootElement is { ValueKind: JsonValueKind.Object } row && row.TryGetProperty("prompt", out var prompt) && prompt.ValueKind == JsonValueKind.String)
                return Check(new("", prompt.GetString()!, line.Trim()), $"line {number}");
        }
        catch (JsonException)
        {
            // Said below: no object with a prompt.
        }

        throw new WrongUseException($"Line {number} is no object with prompt; give GenEval's prompts/evaluation_metadata.jsonl.");
    }

    private static BenchmarkPrompt Check(BenchmarkPrompt prompt, string where)
    {
        try
        {
            PromptLimits.Check(prompt.Text, "Prompt");
            return prompt;
        }
        catch (InferenceException error)
        {
            throw new WrongUseException($"{where}: {error.Message}", error);
        }
    }
}
