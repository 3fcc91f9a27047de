using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.StillLife;
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

/// <summary>What both jobs wrote, read back from the blobs as any program would.</summary>
internal static class DemoResults
{
    public static async Task<IReadOnlyList<DemoImage>> Gallery(IBlobs blobs, GenerateSummary run, CancellationToken cancellationToken)
    {
        var images = new List<DemoImage>();
        await foreach (var blob in blobs.List($"runs/{run.RunId}/images/", cancellationToken))
        {
            if (!blob.Name.EndsWith(".json", StringComparison.Ordinal))
                continue;
            using var record = JsonDocument.Parse(await blobs.Read(blob.Name, cancellationToken) ?? []);
            if (record.RootElement.GetProperty("image") is not { ValueKind: JsonValueKind.Object } image)
                continue;
            var (prompt, png) = (record.RootElement.GetProperty("prompt").GetString()!, await blobs.Read(image.GetProperty("name").GetString()!, cancellationToken) ?? []);
            images.Add(new DemoImage(prompt, png, PromptCheck.Of(prompt, png)));
        }

        return images;
    }

    public static async Task<IReadOnlyList<DemoCaptions>> Captions(
        IBlobs blobs, CurateSummary run, string folder, IReadOnlyDictionary<string, Scene> scenes, CancellationToken cancellationToken)
    {
        var rows = new List<DemoCaptions>();
        await foreach (var blob in blobs.List($"datasets/{run.Dataset}/{run.Version}/shards/", cancellationToken))
        {
            if (!blob.Name.EndsWith(".jsonl", StringComparison.Ordinal))
                continue;
            using var lines = new StreamReader(await blobs.Open(blob.Name, cancellationToken) ?? Stream.Null);
            while (await lines.ReadLineAsync(cancellationToken) is { } line)
            {
                var row = JsonSerializer.Deserialize(line, CurationJson.Lines.IndexRow)!;
                var name = Path.GetFileName(row.SourceUri);
                if (row.Status == RowStatus.Success && scenes.TryGetValue(name, out var scene))
                    rows.Add(new DemoCaptions(row, scene, await File.ReadAllBytesAsync(Path.Combine(folder, name), cancellationToken)));
            }
        }

        return [.. rows.OrderBy(row => row.Row.Row)];
    }
}
