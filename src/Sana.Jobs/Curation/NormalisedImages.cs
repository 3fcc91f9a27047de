using Sana.Curation;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>The normalised images of a dataset, which captioners, CLIP and shards read.</summary>
internal static class NormalisedImages
{
    /// <exception cref="SanaException">Somebody removed it.</exception>
    public static async Task<byte[]> ReadImage(this IBlobs blobs, OpenDataset dataset, IndexRow row, CancellationToken cancellationToken) =>
        await blobs.Read(dataset.ImageName(row.Sha256!), cancellationToken)
        ?? throw new SanaException($"{blobs.Place} has no {dataset.ImageName(row.Sha256!)}; it was removed while the run went on. Give the dataset another version.");
}
