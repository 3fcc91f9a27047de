using System.Runtime.CompilerServices;
using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Curation.Shards;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;
using Sana.Storage.Blobs;

namespace Sana.Local.Demo;

/// <summary>An image of the gallery.</summary>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Png">The file.</param>
/// <param name="Check">What can be seen in it.</param>
internal sealed record DemoImage(string Prompt, byte[] Png, PromptCheck Check);

/// <summary>An image of the sample dataset with all its captions.</summary>
/// <param name="Row">Its row in the index.</param>
/// <param name="Scene">What it shows.</param>
/// <param name="Png">The file.</param>
internal sealed record DemoCaptions(IndexRow Row, Scene Scene, byte[] Png)
{
    /// <summary>Whether a caption is there and all that it claims is true.</summary>
    public bool IsTrue(string? caption) => CaptionClaims.Parse(caption).Judge(Scene).IsTrue;
}

/// <summary>An image that a judge held back: it was painted and never written.</summary>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Reason">Which limit it is outside of.</param>
internal sealed record DemoWithheld(string Prompt, string Reason);

/// <summary>An image of the sample dataset that a judge left out.</summary>
/// <param name="Row">Its row in the index.</param>
/// <param name="Png">The file.</param>
internal sealed record DemoLeftOut(IndexRow Row, byte[] Png);

/// <summary>What both jobs wrote, read back from the blobs as any program would.</summary>
internal static class DemoResults
{
    public static async Task<IReadOnlyList<DemoImage>> Gallery(IBlobs blobs, GenerateSummary run, CancellationToken cancellationToken)
    {
        var images = new List<DemoImage>();
        await foreach (var record in Records(blobs, run, cancellationToken))
        {
            if (record.GetProperty("image") is not { ValueKind: JsonValueKind.Object } image)
                continue;
            var (prompt, png) = (record.GetProperty("prompt").GetString()!, await blobs.Read(image.GetProperty("name").GetString()!, cancellationToken) ?? []);
            images.Add(new DemoImage(prompt, png, PromptCheck.Of(prompt, png)));
        }

        return images;
    }

    /// <summary>The images that judges held back.</summary>
    public static async Task<IReadOnlyList<DemoWithheld>> Withheld(IBlobs blobs, GenerateSummary run, CancellationToken cancellationToken)
    {
        var images = new List<DemoWithheld>();
        await foreach (var record in Records(blobs, run, cancellationToken))
        {
            if (record.GetProperty("reason").GetString() == FaultReason.Policy)
                images.Add(new DemoWithheld(record.GetProperty("prompt").GetString()!, record.GetProperty("message").GetString()!));
        }

        return images;
    }

    private static async IAsyncEnumerable<JsonElement> Records(IBlobs blobs, GenerateSummary run, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in blobs.List($"runs/{run.RunId}/images/", cancellationToken))
        {
            if (!blob.Name.EndsWith(".json", StringComparison.Ordinal))
                continue;
            using var record = JsonDocument.Parse(await blobs.Read(blob.Name, cancellationToken) ?? []);
            yield return record.RootElement;
        }
    }

    public static async Task<IReadOnlyList<DemoCaptions>> Captions(
        IBlobs blobs, CurateSummary run, string folder, IReadOnlyDictionary<string, Scene> scenes, CancellationToken cancellationToken)
    {
        var rows = new List<DemoCaptions>();
        await foreach (var row in Rows(blobs, run, cancellationToken))
        {
            var name = Path.GetFileName(row.SourceUri);
            if (row.Status == RowStatus.Success && scenes.TryGetValue(name, out var scene))
                rows.Add(new DemoCaptions(row, scene, await File.ReadAllBytesAsync(Path.Combine(folder, name), cancellationToken)));
        }

        return [.. rows.OrderBy(row => row.Row.Row)];
    }

    /// <summary>The images of the dataset that judges left out.</summary>
    public static async Task<IReadOnlyList<DemoLeftOut>> LeftOut(IBlobs blobs, CurateSummary run, string folder, CancellationToken cancellationToken)
    {
        var rows = new List<DemoLeftOut>();
        await foreach (var row in Rows(blobs, run, cancellationToken))
        {
            if (row.Reason == Reasons.JudgeScore)
                rows.Add(new DemoLeftOut(row, await File.ReadAllBytesAsync(Path.Combine(folder, Path.GetFileName(row.SourceUri)), cancellationToken)));
        }

        return [.. rows.OrderBy(row => row.Row.Row)];
    }

    private static async IAsyncEnumerable<IndexRow> Rows(IBlobs blobs, CurateSummary run, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in blobs.List($"datasets/{run.Dataset}/{run.Version}/shards/", cancellationToken))
        {
            if (!blob.Name.EndsWith(".jsonl", StringComparison.Ordinal))
                continue;
            using var lines = new StreamReader(await blobs.Open(blob.Name, cancellationToken) ?? Stream.Null);
            while (await lines.ReadLineAsync(cancellationToken) is { } line)
                yield return JsonSerializer.Deserialize(line, CurationJson.Lines.IndexRow)!;
        }
    }
}

/// <summary>How often the captions of one source are there and wholly true.</summary>
/// <param name="Title">Whose captions.</param>
/// <param name="Share">0 to 1 of all images.</param>
/// <param name="IsChosen">Whether these are the selected ones.</param>
internal sealed record CaptionTruth(string Title, double Share, bool IsChosen)
{
    /// <summary>Each source in turn, the selection last.</summary>
    public static IReadOnlyList<CaptionTruth> Of(IReadOnlyList<DemoCaptions> rows)
    {
        var labels = rows.SelectMany(row => row.Row.Candidates).Select(one => one.Label).Distinct().Order(StringComparer.Ordinal);
        return
        [
            .. labels.Select(label => new CaptionTruth(TitleOf(label), ShareOf(rows, row => row.Row.Candidates.FirstOrDefault(one => one.Label == label)?.Text), IsChosen: false)),
            new CaptionTruth("chosen by CLIP score", ShareOf(rows, row => row.Row.Caption), IsChosen: true),
        ];
    }

    public static string TitleOf(string label) => label == Candidate.OriginalLabel ? "came with the image" : $"captioner \"{label}\"";

    private static double ShareOf(IReadOnlyList<DemoCaptions> rows, Func<DemoCaptions, string?> caption) => rows.Count == 0 ? 0 : (double)rows.Count(row => row.IsTrue(caption(row))) / rows.Count;
}

/// <summary>What the analyser sees in a painted image, held against its prompt.</summary>
/// <param name="Follows">Whether all that was asked for is there and nothing else. Backgrounds are not judged.</param>
/// <param name="Seen">What is there, in words.</param>
/// <param name="Objects">What is there.</param>
internal sealed record PromptCheck(bool Follows, string Seen, IReadOnlyList<SeenObject> Objects)
{
    public static PromptCheck Of(string prompt, byte[] png)
    {
        var image = ImageIngest.Decode(png);
        var seen = SceneAnalyser.Read(image.Pixels, image.Width);
        var asked = CaptionClaims.Parse(prompt) with { Tone = null, Texture = null };
        var isAll = seen.Objects.Count == asked.Objects.Sum(one => one.Count ?? 1) && seen.Word == asked.Word;
        return new PromptCheck(isAll && asked.Judge(AsScene(seen)).IsTrue, InWords(seen), seen.Objects);
    }

    private static Scene AsScene(SeenScene seen) => new(
        seen.Objects.Count == 1 ? Arrangement.Alone : Arrangement.Group,
        [.. seen.Objects.Select(one => new SceneObject(one.Shape, one.Colour, one.Size, one.X, one.Y, one.Radius))],
        new Background(Tone.Cream, Texture.Plain),
        seen.Word);

    private static string InWords(SeenScene seen)
    {
        var kinds = seen.Objects.GroupBy(one => (one.Colour, one.Shape)).Select(group =>
            group.Count() == 1 ? $"{SceneWords.Of(group.Key.Colour)} {SceneWords.Of(group.Key.Shape)}" : $"{group.Count()} {SceneWords.Of(group.Key.Colour)} {SceneWords.Plural(group.Key.Shape)}");
        string[] all = [.. kinds, .. seen.Word is { } word ? [$"\"{word}\""] : Array.Empty<string>()];
        return all.Length == 0 ? "seen: nothing" : "seen: " + string.Join(", ", all);
    }
}
