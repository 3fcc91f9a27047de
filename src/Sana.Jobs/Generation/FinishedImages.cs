using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>Which images of a batch are settled: their record is there, and the file that it names is whole.</summary>
internal sealed class FinishedImages(IBlobs blobs, RunNames names)
{
    /// <summary>The record of each image of the batch, in order; null for one that is still to be made, or that failed for a reason of <paramref name="redo"/>.</summary>
    public async Task<ImageRecord?[]> Of(RenderBatch batch, IReadOnlyList<string>? redo, CancellationToken cancellationToken)
    {
        var job = batch.Images[0].Job;
        var folder = names.Images(batch.Folder) + (batch.Images.All(image => image.Job == job) ? job + '/' : "");
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var blob in blobs.List(folder, cancellationToken))
        {
            lengths[blob.Name] = blob.Length;
        }

        var settled = new ImageRecord?[batch.Images.Count];
        for (var i = 0; i < settled.Length; i++)
        {
            var name = names.Record(batch, batch.Images[i]);
            var record = lengths.ContainsKey(name) ? Parse(await blobs.Read(name, cancellationToken)) : null;
            settled[i] = record is not null && IsWhole(record, lengths) && redo?.Contains(record.Reason) != true ? record : null;
        }

        return settled;
    }

    private static bool IsWhole(ImageRecord record, Dictionary<string, long> lengths) =>
        record.Image is null || (lengths.TryGetValue(record.Image.Name, out var length) && length == record.Image.Bytes);

    private static ImageRecord? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize(json, RunJson.Readable.ImageRecord);
        }
        catch (JsonException)
        {
            // Damaged by somebody else: rendered and written again.
            return null;
        }
    }
}
