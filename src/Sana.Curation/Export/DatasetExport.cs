using System.Text.Json;
using Sana.Curation.Report;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;

namespace Sana.Curation.Export;

/// <summary>Writes the samples of a dataset in the form of one tool.</summary>
internal interface IExportLayout
{
    /// <summary>Writes all of them; counts what it wrote.</summary>
    Task Write(IAsyncEnumerable<ExportSample> samples, ExportTarget target, CancellationToken cancellationToken);
}

/// <summary>
/// Exports a finished dataset to the layout of other tools. An export that was killed goes on: files that are whole are not written again, and the bytes are
/// those of one that was never killed. <c>sana-export.json</c> says what it is an export of, and in the end that it is whole.
/// </summary>
public static class DatasetExport
{
    /// <summary>The file that says what a folder is an export of.</summary>
    public const string Marker = "sana-export.json";

    private const string Card = "README.md";

    /// <summary>Runs it.</summary>
    /// <param name="dataset">What is exported.</param>
    /// <param name="options">How.</param>
    /// <param name="target">Where to: nothing, or an export of the same dataset with the same options, finished or not.</param>
    /// <param name="cancellationToken">Stops between two files; the same call goes on.</param>
    /// <exception cref="CurationException">The target holds something else, an option does not suit the dataset, or its index is damaged.</exception>
    public static async Task<ExportSummary> Run(ExportDataset dataset, ExportOptions options, IBlobs target, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(target);
        options.Check(dataset.Labels);
        var begun = new ExportMarker(dataset.Dataset, dataset.Version, dataset.ManifestSha256, options.Format, options.Captions, options.Selection,
            options.MaxFileBytes);
        await CheckTarget(target, begun, cancellationToken);
        await target.Put(Marker, begun.Bytes(), cancellationToken);

        var counts = new ExportCounts();
        await using var samples = new ExportSamples(dataset, options, counts);
        IExportLayout layout = options.Format switch
        {
            ExportFormat.ImageFolder => new ImageFolderLayout(dataset, options, counts),
            ExportFormat.Folder => new CaptionFolderLayout(dataset, counts),
            ExportFormat.Parquet => new ParquetLayout(dataset, options, counts),
            _ => new SanaImgLayout(dataset, options, counts),
        };
        await layout.Write(samples.Read(cancellationToken), new ExportTarget(target, counts), cancellationToken);
        var facts = DatasetFacts.Of(counts.Exported);
        var card = new ExportCard(dataset, options, facts, counts.ImageBytes, (layout as ParquetLayout)?.Columns.ToArray() ?? []);
        await target.Put(Card, card.Bytes(), cancellationToken);
        var done = begun with
        {
            Complete = true,
            Images = facts.Images,
            Texts = counts.Texts,
            LeftOut = counts.LeftOutByReason,
            NotInShards = counts.NotInShardsByStatus,
        };
        await target.Put(Marker, done.Bytes(), cancellationToken);
        return new ExportSummary(
            dataset.Dataset, dataset.Version, options.Format, options.Captions, options.Selection, target.Place, facts.Images, counts.Texts, counts.Written,
            counts.Kept, counts.LeftOutByReason, counts.NotInShardsByStatus, counts.Joined, counts.FirstMissing);
    }

    private static async Task CheckTarget(IBlobs target, ExportMarker begun, CancellationToken cancellationToken)
    {
        if (await target.Read(Marker, cancellationToken) is { } there)
        {
            if (ExportMarker.Parse(there) is not { } other)
                throw new CurationException($"{target.Place} holds a {Marker} that is not readable; give another folder, or empty this one.");
            if (other.Difference(begun) is { } difference)
                throw new CurationException($"{target.Place} holds an export of {other.Dataset} {other.Version} as {other.Format.Name()} with {difference}; "
                    + "give another folder, or empty this one.");
            return;
        }

        await foreach (var other in target.List("", cancellationToken))
            throw new CurationException($"{target.Place} holds {other.Name} and no {Marker}, so it is no export that could go on; give an empty folder or a "
                + "new one.");
    }
}

/// <summary>What an export came to.</summary>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Format">What it was written as.</param>
/// <param name="Captions">chosen, all or a label.</param>
/// <param name="Selection">The later choice that stands for the chosen captions; null for none.</param>
/// <param name="Place">Where it is.</param>
/// <param name="Images">Images in it.</param>
/// <param name="Texts">Captions in it.</param>
/// <param name="Written">Files that this run wrote, without marker and card.</param>
/// <param name="Kept">Files that were there already.</param>
/// <param name="LeftOut">Images of the shards that are not in it, by reason: <c>no_caption</c>, <c>missing_image</c>, <c>missing_index</c>.</param>
/// <param name="NotInShards">Rows of the index whose images are not in the shards, by status.</param>
/// <param name="Joined">Captions whose line breaks became spaces, since a line is a caption in the target.</param>
/// <param name="FirstMissing">The first image or index that is missing; null when none is.</param>
public sealed record ExportSummary(
    string Dataset,
    string Version,
    ExportFormat Format,
    string Captions,
    string? Selection,
    string Place,
    long Images,
    long Texts,
    long Written,
    long Kept,
    IReadOnlyDictionary<string, long> LeftOut,
    IReadOnlyDictionary<string, long> NotInShards,
    long Joined,
    string? FirstMissing);

/// <summary>The content of <c>sana-export.json</c>; the counts are there when the export is whole.</summary>
internal sealed record ExportMarker(string Dataset, string Version, string ManifestSha256, ExportFormat Format, string Captions, string? Selection,
    long MaxFileBytes)
{
    private const string Kind = "sana.export/1";

    public string Schema { get; init; } = Kind;

    public bool Complete { get; init; }

    public long? Images { get; init; }

    public long? Texts { get; init; }

    public IReadOnlyDictionary<string, long>? LeftOut { get; init; }

    public IReadOnlyDictionary<string, long>? NotInShards { get; init; }

    public static ExportMarker? Parse(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, ExportJson.Lines.ExportMarker) is { Schema: Kind } marker ? marker : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public byte[] Bytes() => [.. CanonicalJson.Bytes(JsonSerializer.SerializeToNode(this, ExportJson.Lines.ExportMarker)), (byte)'\n'];

    /// <summary>In what another export differs, with what this one has; null when nothing does.</summary>
    public string? Difference(ExportMarker other) =>
        Dataset != other.Dataset || Version != other.Version ? $"another dataset than {other.Dataset} {other.Version}"
        : Format != other.Format ? $"another format than {other.Format.Name()}"
        : Captions != other.Captions ? $"the captions '{Captions}', not '{other.Captions}'"
        : Selection != other.Selection ? $"the selection {Selection ?? "(none)"}, not {other.Selection ?? "(none)"}"
        : MaxFileBytes != other.MaxFileBytes ? FormattableString.Invariant($"files of {MaxFileBytes} bytes, not {other.MaxFileBytes}")
        : ManifestSha256 != other.ManifestSha256 ? "another manifest, of before the dataset was changed"
        : null;
}
