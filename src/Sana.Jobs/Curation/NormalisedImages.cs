using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>The normalised images of a dataset, which captioners, CLIP, shards and the report read: in a cache until the version is published, and made again from the source where they are missing.</summary>
internal static class NormalisedImages
{
    private const int AtOnce = 32;

    /// <summary>The file of a row's image.</summary>
    /// <exception cref="UnusableJobException">It is not in the cache, and the source does not have it any more.</exception>
    public static async Task<byte[]> ReadImage(this IBlobs blobs, OpenDataset dataset, IndexRow row, CancellationToken cancellationToken)
    {
        var name = dataset.ImageName(row.Sha256!);
        if (await blobs.Read(name, cancellationToken) is { } kept)
            return kept;
        if (dataset.LastItems is not { } list || list.Shard != row.Shard)
            dataset.LastItems = list = new ShardItems(row.Shard, await blobs.ReadLines(dataset.Names.Items(row.Shard), CurationJson.Lines.SourceItem, cancellationToken));
        var item = list.Items[row.Row];
        var fetched = await dataset.Source.Fetch(item, cancellationToken);
        if (fetched.Bytes is not { } bytes || Digest.Sha256(bytes) != row.Sha256)
        {
            throw new UnusableJobException(
                $"{row.SourceUri} is needed again and {(fetched.Bytes is null ? $"cannot be read ({fetched.Message})" : "is another file now")}; put it back, or give the dataset another version. --keep-images keeps what a retry needs.");
        }

        var image = await Task.Run(() => dataset.Ingest.Ingest(bytes, item.Name, cancellationToken), cancellationToken);
        if (image.File is not { } file)
            throw new UnusableJobException($"{row.SourceUri} cannot be read any more ({image.Message}); give the dataset another version.");
        await blobs.PutIfAbsent(name, file, cancellationToken);
        return file;
    }

    /// <summary>Removes the images of a shard's rows. Another dataset that goes on with one of them makes it again.</summary>
    public static Task RemoveImages(this IBlobs blobs, OpenDataset dataset, IEnumerable<IndexRow> rows, CancellationToken cancellationToken) => Parallel.ForEachAsync(
        rows.Where(row => row is { Sha256: not null, Width: not null }).Select(row => dataset.ImageName(row.Sha256!)).Distinct(),
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
        async (name, cancellation) => await blobs.Delete(name, cancellation));
}
