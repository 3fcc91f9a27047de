using Sana.Curation.Selection;
using Sana.Storage.Blobs;

namespace Sana.Curation.Shards;

/// <summary>
/// Chooses again among the candidates of a finished dataset, with other settings and without asking captioners or scoring. Tars stay as they are; beside them
/// come a sidecar of captions and one of scores under a label of their own, and in another folder a table of the new choices. Sana trains on them with that label's suffix in
/// <c>external_caption_suffixes</c> and <c>external_clipscore_suffixes</c>.
/// </summary>
public sealed class Reselection
{
    private readonly ShardSettings _settings;
    private readonly string _label;
    private readonly string? _scorer;
    private readonly CaptionSelector _selector;

    /// <summary>A new selection of a dataset.</summary>
    /// <param name="settings">The dataset's settings, with the new selection in <see cref="ShardSettings.Selection"/>.</param>
    /// <param name="label">What the new choice is called; no captioner's label.</param>
    /// <param name="scorer">A further scorer of the dataset, by whose scores is chosen; <see cref="ShardSettings.Scorer"/> names it then. Null for the scores that the dataset chose by.</param>
    /// <exception cref="CurationException">A setting or the label is not allowed.</exception>
    public Reselection(ShardSettings settings, string label = "selected", string? scorer = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings.Check();
        _label = CaptionLabel.Check(label);
        _scorer = scorer;
        if (settings.Labels.Contains(label, StringComparer.OrdinalIgnoreCase))
            throw new CurationException($"'{label}' is a captioner of this dataset, whose captions would be overwritten; call the selection otherwise.");
        _selector = new CaptionSelector(settings.Selection);
    }

    /// <summary>Chooses again in one shard.</summary>
    /// <param name="shard">From 0.</param>
    /// <param name="index">The shard's <c>.parquet</c>, seekable.</param>
    /// <param name="blobs">Where the new files go: beside the tars, for Sana's loader.</param>
    /// <param name="prefix">Put before the names of sidecars: empty, or a path that ends with a slash.</param>
    /// <param name="tables">Likewise before the name of the table; another folder, or readers of the shards' own tables see every row twice.</param>
    /// <param name="cancellationToken">Stops the run; what is not whole does not appear.</param>
    /// <exception cref="CurationException">The index is damaged.</exception>
    public async Task<ReselectedShard> Run(int shard, Stream index, IBlobs blobs, string prefix, string tables, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        var (rows, changed, returning) = (new List<IndexRow>(), 0, 0);
        await foreach (var row in IndexReader.Read(index, _scorer, cancellationToken))
        {
            var again = Choose(row, ref returning);
            changed += row.Status == RowStatus.Success && again.CaptionLabel != row.CaptionLabel ? 1 : 0;
            rows.Add(again);
        }

        var samples = rows.Where(row => row.Status == RowStatus.Success).ToArray();
        var names = new ShardNames(shard);
        await blobs.Write(prefix + names.Captions(_label), (stream, token) => Sidecar.Write(stream, _label, samples.Select(row => (row.Key, row.Caption)), token), cancellationToken);
        await blobs.Write(prefix + names.Scores(_label), (stream, token) => Sidecar.Write(stream, _label, samples.Select(row => (row.Key, Sidecar.Text(row.CaptionScore))), token), cancellationToken);
        await blobs.Write(tables + names.Parquet, (stream, token) => IndexWriter.Write(stream, rows, IndexSchema.Choice(_settings), token), cancellationToken);
        return new ReselectedShard(
            shard,
            rows.Count,
            samples.Length,
            changed,
            rows.Count(row => row.Reason == Reasons.ImageScore),
            returning,
            new SortedDictionary<string, int>(samples.CountBy(row => row.CaptionLabel!).ToDictionary(), StringComparer.Ordinal));
    }

    private IndexRow Choose(IndexRow row, ref int returning)
    {
        if (row.Status == RowStatus.Success)
            return _selector.Choose(row);
        if (row.Reason != Reasons.ImageScore)
            return row;
        // Its image is in no tar, so passing now changes nothing in the shard.
        if (_selector.Choose(row).CaptionLabel is null)
            return row;
        returning++;
        return row with { Reason = null, ErrorMessage = "The image passes now, but it is not in the shard; curate the dataset again with this selection to add it." };
    }
}

/// <summary>What choosing again came to in a shard.</summary>
/// <param name="Shard">From 0.</param>
/// <param name="Rows">Rows of the index.</param>
/// <param name="Selected">Samples of the tar that have a caption.</param>
/// <param name="Changed">Samples whose caption is another now, dropped ones among them.</param>
/// <param name="Dropped">Images below the image threshold. Those in the tar stay there: Sana's loader takes their <c>prompt</c> unless <c>del_img_clip_thr</c> drops them.</param>
/// <param name="Returning">Images that an earlier threshold dropped and this one would not; they come back only by curating again.</param>
/// <param name="Labels">Samples by the label of their caption.</param>
public sealed record ReselectedShard(int Shard, int Rows, int Selected, int Changed, int Dropped, int Returning, IReadOnlyDictionary<string, int> Labels);
