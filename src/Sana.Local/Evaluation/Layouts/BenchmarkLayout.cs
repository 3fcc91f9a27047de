using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;

namespace Sana.Local.Evaluation.Layouts;

/// <summary>Writes images of a public benchmark's prompts where its own scripts look for them. What is there already is not drawn again.</summary>
/// <param name="drawing">Draws.</param>
/// <param name="options">How.</param>
/// <param name="seed">Decides the noise.</param>
/// <param name="tell">Told of every prompt.</param>
internal sealed class BenchmarkLayout(Drawing drawing, GenerateOptions options, ulong seed, Action<string> tell)
{
    /// <summary>
    /// GenEval's: <c>00000/metadata.jsonl</c> with the line of <c>evaluation_metadata.jsonl</c>, and <c>00000/samples/00000.png</c>, …; its script reads numbered
    /// folders and, in them, numbered images.
    /// </summary>
    public (int Images, int Failed) GenEval(IReadOnlyList<BenchmarkPrompt> prompts, int images, string folder)
    {
        var (made, failed) = (0, 0);
        foreach (var (prompt, i) in prompts.Select((prompt, i) => (prompt, i)))
        {
            var place = Path.Combine(folder, $"{i:00000}");
            string[] files = [.. Enumerable.Range(0, images).Select(k => Path.Combine(place, "samples", $"{k:00000}.png"))];
            Directory.CreateDirectory(Path.Combine(place, "samples"));
            File.WriteAllText(Path.Combine(place, "metadata.jsonl"), prompt.Line + "\n");
            if (files.All(File.Exists))
                continue;
            tell($"{i + 1} of {prompts.Count}: {prompt.Text}");
            foreach (var (image, k) in Draw(prompt, i, images).Select((image, k) => (image, k)))
            {
                (made, failed) = image is null ? (made, failed + 1) : (made + 1, failed);
                if (image is not null)
                    Write(files[k], image);
            }
        }

        return (made, failed);
    }

    /// <summary>DPG-Bench's: one file for each prompt, named as the prompt's, with its four images in two rows, or its only one. The folder holds nothing else: the script reads every file.</summary>
    public (int Images, int Failed) Dpg(IReadOnlyList<BenchmarkPrompt> prompts, int images, string folder)
    {
        var (made, failed) = (0, 0);
        Directory.CreateDirectory(folder);
        foreach (var (prompt, i) in prompts.Select((prompt, i) => (prompt, i)))
        {
            var file = Path.Combine(folder, prompt.Name + ".png");
            if (File.Exists(file))
                continue;
            tell($"{i + 1} of {prompts.Count}: {prompt.Name}");
            var drawn = Draw(prompt, i, images);
            (made, failed) = (made + drawn.Count(image => image is not null), failed + drawn.Count(image => image is null));
            Write(file, ImageGrid.Of(drawn, images == 1 ? 1 : 2, options.Width!.Value));
        }

        return (made, failed);
    }

    private IReadOnlyList<RgbImage?> Draw(BenchmarkPrompt prompt, int i, int images) =>
        drawing.Images([.. Enumerable.Range(0, images).Select(k => new ImageRequest(prompt.Text, seed, (i * images) + k))], options);

    // Whole or not at all: a run that is stopped goes on with what is missing.
    private static void Write(string file, RgbImage image)
    {
        File.WriteAllBytes(file + ".part", ImageCodec.Encode(image, ImageFormat.Png));
        File.Move(file + ".part", file, overwrite: true);
    }
}

/// <summary>A prompt of a public benchmark.</summary>
/// <param name="Name">DPG-Bench's name of it; GenEval numbers them.</param>
/// <param name="Text">The prompt.</param>
/// <param name="Line">GenEval's line, as it is.</param>
internal sealed record BenchmarkPrompt(string Name, string Text, string Line)
{
    /// <summary>GenEval's <c>evaluation_metadata.jsonl</c>: an object with <c>prompt</c> on each line.</summary>
    /// <exception cref="SanaException">The file is none.</exception>
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

        throw new SanaException($"Line {number} is no object with prompt; give GenEval's prompts/evaluation_metadata.jsonl.");
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
            throw new SanaException($"{where}: {error.Message}", error);
        }
    }
}
