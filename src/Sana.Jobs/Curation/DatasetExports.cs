using System.Text.Json;
using Sana.Curation.Export;
using Sana.Inference.Imaging;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>Finds finished datasets, by name or by folder, and exports them.</summary>
public static class DatasetExports
{
    private const string Datasets = "datasets";
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
        ArgumentNullException.ThrowIfNull(dataset);
        var isPlace = dataset.Contains('/', StringComparison.Ordinal) || dataset.Contains(':', StringComparison.Ordinal) || dataset.StartsWith('.');
        if (!isPlace)
        {
            var isThere = !BlobPlace.IsFolder(place) || Directory.Exists(place);
            if (isThere && await Named(place, dataset, version, cancellationToken) is { } named)
                return named;
            if (!File.Exists(Path.Combine(dataset, "manifest.json")))
                throw new SanaException(isThere
                    ? $"{place} has no finished dataset {dataset} {version}".TrimEnd() + "; sana curate makes one, --blobs names another place."
                    : $"There is no folder '{place}' with a dataset {dataset}; give --data or --blobs of sana curate, or the folder of a version.");
        }

        var (path, query) = BlobPlace.Parts(dataset);
        var at = BlobPlace.IsFolder(dataset) ? Path.GetFullPath(dataset).TrimEnd('/') : path.TrimEnd('/');
        if (at.EndsWith("/shards", StringComparison.Ordinal))
            at = at[..at.LastIndexOf('/')];
        var parts = at.Split('/');
        return parts.Length > 2 && parts[^2] == Datasets
            ? await Named(string.Join('/', parts[..^2]) + query, parts[^1], version, cancellationToken)
                ?? throw new SanaException($"{at} has no finished version{(version is null ? "" : $" {version}")}; sana curate makes one.")
            : await InFolder(at + query, version, cancellationToken);
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

    private static async Task<ExportDataset?> Named(string place, string dataset, string? version, CancellationToken cancellationToken)
    {
        var blobs = await BlobPlace.Parse(place).Open(cancellationToken);
        version ??= (await CurationSubmission.NextVersion(blobs, dataset, cancellationToken)).Since;
        var names = new DatasetNames(dataset, version ?? "v1");
        return await blobs.Read(names.Manifest, cancellationToken) is { } manifest
            ? Read(manifest, (name, token) => blobs.Open($"{names.Shards}/{name}", token)) : null;
    }

    private static async Task<ExportDataset> InFolder(string place, string? version, CancellationToken cancellationToken)
    {
        var source = await SourcePlace.Open(place, LinkRule.All, cancellationToken);
        if (source.Path is not null)
            throw new SanaException($"'{place}' is a file; give the folder of a version, such as datasets/photos/v1.");
        await using var file = await Open("manifest.json", cancellationToken)
            ?? throw new SanaException($"{place} has no manifest.json of a finished dataset; give the folder of a version, such as datasets/photos/v1.");
        var bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellationToken);
        var dataset = Read(bytes, (name, token) => Open($"shards/{name}", token));
        return version is null || version == dataset.Version ? dataset
            : throw new SanaException($"{place} is {dataset.Dataset} {dataset.Version}, not {version}; leave --dataset-version out, or give the folder of "
                + "that version.");

        async Task<Stream?> Open(string name, CancellationToken token)
        {
            try
            {
                return await source.Files.Open(name, token);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw FileFault.From("read", $"{place}/{name}", error);
            }
        }
    }

    private static ExportDataset Read(byte[] bytes, Func<string, CancellationToken, Task<Stream?>> open)
    {
        DatasetManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(bytes, CurateJson.Readable.DatasetManifest) ?? throw new JsonException("It is null.");
        }
        catch (JsonException error)
        {
            throw new SanaException($"The dataset's manifest.json is not readable: {error.Message} Restore it from a copy, or curate the dataset again.",
                error);
        }

        return new ExportDataset
        {
            Dataset = manifest.Dataset,
            Version = manifest.Version,
            ManifestSha256 = Digest.Sha256(bytes),
            ImageExtension = manifest.Config.Ingest.Output.Extension()[1..],
            Scorer = manifest.Config.Scorer?.Name,
            Shards = manifest.Shards,
            Captioners = [.. manifest.Config.Captioners.Select(captioner => captioner.Label)],
            Open = open,
        };
    }
}
