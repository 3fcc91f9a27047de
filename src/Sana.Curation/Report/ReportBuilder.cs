using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>
/// Makes the report of a run from its rows. Rows pass through once: what stays is counts and the few rows that will be shown, so a million rows cost no more memory than a thousand.
/// Neither counts nor choice depend on the order of the rows. One instance serves one thread.
/// </summary>
public sealed class ReportBuilder
{
    private readonly ReportOptions _options;
    private readonly Totals _totals = new();
    private readonly EvenSample _gallery;
    private readonly SortedDictionary<(string Status, string Reason), EvenSample> _removed = [];
    private readonly Dictionary<string, IndexRow> _firsts = [];

    /// <summary>Begins a report.</summary>
    /// <exception cref="CurationException">An option is out of its range.</exception>
    public ReportBuilder(ReportOptions? options = null)
    {
        _options = (options ?? new ReportOptions()).Checked();
        _gallery = new EvenSample(_options.Images);
    }

    /// <summary>Keys of the first images of those duplicates that will be shown, once all rows are added. Give their rows to <see cref="AddFirst"/> in a second pass; without, the page names the key only.</summary>
    public IReadOnlySet<string> Firsts => _removed.Values.SelectMany(sample => sample.Rows).Select(row => row.DuplicateOf).OfType<string>().ToHashSet(StringComparer.Ordinal);

    /// <summary>Takes one row; each row of the dataset once.</summary>
    public void Add(IndexRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        _totals.Add(row);
        if (row.Candidates.Count > 0)
            _gallery.Offer(row);
        if (row.Status == "success")
            return;
        var kind = (row.Status, row.Reason ?? "unknown");
        if (!_removed.TryGetValue(kind, out var sample))
            _removed.Add(kind, sample = new EvenSample(_options.ImagesPerReason));
        sample.Offer(row);
    }

    /// <summary>Takes a row of <see cref="Firsts"/>.</summary>
    public void AddFirst(IndexRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        _firsts[row.Key] = ShownRow.Of(row);
    }

    /// <summary>Writes the page, in UTF-8.</summary>
    /// <param name="page">Where to; left open.</param>
    /// <param name="run">What is known of the run.</param>
    /// <param name="openImage">
    /// The normalised file of a row that is shown; null when there is none. Never the bytes of a quarantined one: a rejected image is drawn as a box with its format and size.
    /// The row is as it was added, but for long texts, which are cut.
    /// </param>
    /// <param name="timings">What the clock said; null leaves the section out, and the page depends on rows, run and options alone.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    public async Task Write(Stream page, ReportRun run, Func<IndexRow, CancellationToken, Task<byte[]?>> openImage, ReportTimings? timings, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(openImage);
        var view = new ReportView(_options, run, _totals, timings, _gallery, _removed, _firsts);
        await new ReportPage(view, openImage, new PageWriter(page, _options.MaxBytes)).Write(cancellationToken);
    }
}
