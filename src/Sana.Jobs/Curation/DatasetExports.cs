using Sana.Curation.Export;
using Sana.Inference.Imaging;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Exports finished datasets.</summary>
public static class DatasetExports
{
    private const string Incoming = ".incoming";

    /// <summary>A finished dataset.</summary>
    /// <param name="dataset">
    /// Its name; or a folder, <c>azurite:container/prefix</c>, the address of a bucket or a container: of a version (it holds <c>manifest.json</c>), of its shards, or
    /// of all versions (<c>…/datasets/name</c>).
    /// </param>
    /// <param name="version">Its version; null for the last finished one (v1, v2 …), or the one of the folder.</param>
    /// <param name="place">Where a dataset that is given by its name is.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="SanaException">There is no such dataset, or it is not finished.</exception>
    public static async Task<ExportDataset> Find(string dataset, string? version, string place, CancellationToken cancellationToken)
    {
        var found = await FinishedDataset.Find(dataset, version, place, cancellationToken);
        var manifest = found.Manifest;
        return new ExportDataset
        {
            Dataset = manifest.Dataset,
            Version = manifest.Version,
            ManifestSha256 = found.ManifestSha256,
            ImageExtension = manifest.Config.Ingest.Output.Extension()[1..],
            Scorer = manifest.Config.Scorer?.Name,
            Shards = manifest.Shards,
            Captioners = [.. manifest.Config.Captioners.Select(captioner => captioner.Label)],
            Open = (name, token) => found.Open($"{FinishedDataset.Shards}{name}", token),
        };
    }

    /// <summary>Exports it.</summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="options">How.</param>
    /// <param name="place">Where to: a folder, or another place of blobs; empty, new, or an export that goes on.</param>
    /// <param name="cancellationToken">Stops between two files; the same call goes on.</param>
    /// <exception cref="SanaException">The place cannot be used.</exception>
    /// <exception cref="Sana.Curation.CurationException">It holds something else, or an option does not suit the dataset.</exception>
    public static async Task<ExportSummary> Run(ExportDataset dataset, ExportOptions options, string place, CancellationToken cancellationToken)
    {
        if (!BlobPlace.IsFolder(place))
            return await DatasetExport.Run(dataset, options, await BlobPlace.Parse(place).Open(cancellationToken), cancellationToken);
        if (File.Exists(place))
            throw new SanaException($"'{place}' is a file; give an empty folder or a new one.");
        if (Stranger(place) is { } other)
            throw new SanaException($"The folder '{place}' holds {other} and no {DatasetExport.Marker}, so it is no export that could go on; give an "
                + "empty folder or a new one. Where the dataset is, --blobs says.");
        // A power failure may take the last files; the next run writes again what has not its length.
        var summary = await DatasetExport.Run(dataset, options, FileBlobs.Open(place, flushes: false), cancellationToken);
        if (new DirectoryInfo(Path.Combine(place, Incoming)) is { Exists: true } incoming && !incoming.EnumerateFileSystemInfos().Any())
            incoming.Delete();
        return summary;
    }

    /// <summary>A file of somebody else in a folder that is no export; also one that no blob can be called.</summary>
    private static string? Stranger(string folder)
    {
        try
        {
            return !Directory.Exists(folder) || File.Exists(Path.Combine(folder, DatasetExport.Marker)) ? null
                : new DirectoryInfo(folder).EnumerateFileSystemInfos().Select(entry => entry.Name).Where(name => name != Incoming).Min(StringComparer.Ordinal);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("list", folder, error);
        }
    }
}
