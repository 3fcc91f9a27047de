using System.Text.Json;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>A finished version of a dataset, wherever it is.</summary>
internal sealed record FinishedDataset
{
    /// <summary>What the names of the shards' files begin with.</summary>
    public const string Shards = "shards/";

    private const string Datasets = "datasets";

    private const string ManifestName = "manifest.json";

    /// <value>What it says of itself.</value>
    public required DatasetManifest Manifest { get; init; }

    /// <value>SHA-256 of the manifest's bytes.</value>
    public required string ManifestSha256 { get; init; }

    /// <value>Opens a file of the version, such as <c>shards/00000.tar</c>, seekable; null when there is none.</value>
    public required Func<string, CancellationToken, Task<Stream?>> Open { get; init; }

    /// <value>The names of its files that begin with a text, and their bytes, in ordinal order.</value>
    public required Func<string, CancellationToken, IAsyncEnumerable<(string Name, long Length)>> List { get; init; }

    /// <inheritdoc cref="DatasetExports.Find"/>
    public static async Task<FinishedDataset> Find(string dataset, string? version, string place, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        var isPlace = dataset.Contains('/', StringComparison.Ordinal) || dataset.Contains(':', StringComparison.Ordinal) || dataset.StartsWith('.');
        if (!isPlace)
        {
            var isThere = !BlobPlace.IsFolder(place) || Directory.Exists(place);
            if (isThere && await Named(place, dataset, version, cancellationToken) is { } named)
                return named;
            if (!File.Exists(Path.Combine(dataset, ManifestName)))
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

    private static async Task<FinishedDataset?> Named(string place, string dataset, string? version, CancellationToken cancellationToken)
    {
        var blobs = await BlobPlace.Parse(place).Open(cancellationToken);
        version ??= (await CurationSubmission.NextVersion(blobs, dataset, cancellationToken)).Since;
        var names = new DatasetNames(dataset, version ?? "v1");
        var root = names.Manifest[..^ManifestName.Length];
        return await blobs.Read(names.Manifest, cancellationToken) is { } manifest
            ? Read(manifest, (name, token) => blobs.Open(root + name, token), (prefix, token) => blobs.List(root + prefix, token).Select(blob => (blob.Name[root.Length..], blob.Length)))
            : null;
    }

    private static async Task<FinishedDataset> InFolder(string place, string? version, CancellationToken cancellationToken)
    {
        var source = await SourcePlace.Open(place, LinkRule.All, cancellationToken);
        if (source.Path is not null)
            throw new SanaException($"'{place}' is a file; give the folder of a version, such as datasets/photos/v1.");
        await using var file = await Open(ManifestName, cancellationToken)
            ?? throw new SanaException($"{place} has no {ManifestName} of a finished dataset; give the folder of a version, such as datasets/photos/v1.");
        var bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellationToken);
        var dataset = Read(bytes, Open, (prefix, token) => source.Files.List(token)
            .Where(entry => entry.LeftOut is null && entry.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(entry => (entry.Name, entry.Length)));
        return version is null || version == dataset.Manifest.Version ? dataset
            : throw new SanaException($"{place} is {dataset.Manifest.Dataset} {dataset.Manifest.Version}, not {version}; leave --dataset-version out, or give the folder of "
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

    private static FinishedDataset Read(
        byte[] bytes, Func<string, CancellationToken, Task<Stream?>> open, Func<string, CancellationToken, IAsyncEnumerable<(string Name, long Length)>> list)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize(bytes, CurateJson.Readable.DatasetManifest) ?? throw new JsonException("It is null.");
            return new FinishedDataset { Manifest = manifest, ManifestSha256 = Digest.Sha256(bytes), Open = open, List = list };
        }
        catch (JsonException error)
        {
            throw new SanaException($"The dataset's manifest.json is not readable: {error.Message} Restore it from a copy, or curate the dataset again.",
                error);
        }
    }
}
