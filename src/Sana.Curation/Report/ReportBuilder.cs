using System.IO.Hashing;
using System.Runtime.InteropServices;
using Sana.Curation.Selection;

namespace Sana.Curation.Report;

/// <summary>
/// Makes the report of a run from its rows. Rows pass through once: what stays is counts and the few rows that will be shown, so a million rows cost no more
/// memory than a thousand. Neither counts nor choice depend on the order of the rows. One instance serves one thread.
/// </summary>
public sealed class ReportBuilder
{
    private readonly ReportOptions _options;
    private readonly Totals _totals = new();
    private readonly EvenSample _gallery;
    private readonly SortedDictionary<(string Status, string Reason), EvenSample> _removed = [];
    private readonly Dictionary<string, IndexRow> _firsts = [];
    private readonly IReadOnlyList<JudgeTally> _judges;

    /// <summary>Begins a report.</summary>
    /// <param name="options">How much it shows.</param>
    /// <param name="judges">Who judged images: each has a histogram. Default nobody.</param>
    /// <exception cref="CurationException">An option is out of its range.</exception>
    public ReportBuilder(ReportOptions? options = null, IReadOnlyList<JudgeCard>? judges = null)
    {
        _options = (options ?? new ReportOptions()).Checked();
        _gallery = new EvenSample(_options.Images);
        _judges = [.. (judges ?? []).Select(card => new JudgeTally(card, _options.ImagesPerReason / 2))];
    }

    /// <summary>
    /// Keys of the first images of those duplicates that will be shown, once all rows are added. Give their rows to <see cref="AddFirst"/> in a second pass;
    /// without, the page names the key only.
    /// </summary>
    public IReadOnlySet<string> Firsts => _removed.Values.SelectMany(sample => sample.Rows).Select(row => row.DuplicateOf).OfType<string>().ToHashSet(StringComparer.Ordinal);

    /// <summary>What the rows that were added come to.</summary>
    public DatasetFacts Facts => DatasetFacts.Of(_totals);

    /// <summary>Takes one row; each row of the dataset once.</summary>
    public void Add(IndexRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        _totals.Add(row);
        foreach (var judge in _judges)
            judge.Add(row);
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
        _firsts[row.Key] = ShownRow.Cut(row);
    }

    /// <summary>Writes the page, in UTF-8.</summary>
    /// <param name="page">Where to; left open.</param>
    /// <param name="run">What is known of the run.</param>
    /// <param name="openImage">
    /// The normalised file of a row that is shown; null when there is none. Never the bytes of a quarantined one: a rejected image is drawn as a box with its format and size.
    /// The row is as it was added, but for long texts, which are cut.
    /// </param>
    /// <param name="timings">Times of the run; null leaves the section out, and the page depends on rows, run and options alone.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    public async Task Write(Stream page, ReportRun run, Func<IndexRow, CancellationToken, Task<byte[]?>> openImage, ReportTimings? timings, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(openImage);
        var view = new ReportView(_options, run, _totals, timings, _gallery, _removed, _firsts) { Judges = _judges };
        await new ReportPage(view, openImage, new PageWriter(page, _options.MaxBytes)).Write(cancellationToken);
    }
}

/// <summary>How much a report shows. Totals are always over every row.</summary>
public sealed record ReportOptions
{
    /// <value>Images in the gallery with all their captions, 0…5,000. Default 200, spread over the whole dataset by a hash of the key.</value>
    public int Images { get; init; } = 200;

    /// <value>Images shown for each reason, duplicates included, and of each judge those with its lowest and its highest scores, half of them each; 0…200. Default 12.</value>
    public int ImagesPerReason { get; init; } = 12;

    /// <value>Longest side of a thumbnail in pixels, 64…1,024. Default 320.</value>
    public int ThumbnailSide { get; init; } = 320;

    /// <value>JPEG quality of thumbnails, 1…100. Default 72.</value>
    public int ThumbnailQuality { get; init; } = 72;

    /// <value>Bytes of the page, 1,000,000…500,000,000. Default 15,000,000. What does not fit is left out, and the page says how much.</value>
    public long MaxBytes { get; init; } = 15_000_000;

    internal ReportOptions Checked()
    {
        Within(Images, 0, 5_000, nameof(Images));
        Within(ImagesPerReason, 0, 200, nameof(ImagesPerReason));
        Within(ThumbnailSide, 64, 1_024, nameof(ThumbnailSide));
        Within(ThumbnailQuality, 1, 100, nameof(ThumbnailQuality));
        Within(MaxBytes, 1_000_000, 500_000_000, nameof(MaxBytes));
        return this;
    }

    private static void Within(long value, long least, long most, string name)
    {
        if (value < least || value > most)
            throw new CurationException($"The report's {name} is {value}; give {least}…{most}.");
    }
}

/// <summary>All that the page is drawn from.</summary>
internal sealed record ReportView(
    ReportOptions Options,
    ReportRun Run,
    Totals Totals,
    ReportTimings? Timings,
    EvenSample Gallery,
    SortedDictionary<(string Status, string Reason), EvenSample> Removed,
    Dictionary<string, IndexRow> Firsts)
{
    /// <summary>Who judged images, and what came of it.</summary>
    public IReadOnlyList<JudgeTally> Judges { get; init; } = [];

    /// <summary>The score from which captions are drawn; null where the rule has none.</summary>
    public double? Threshold { get; } = ThresholdOf(Run.Selection);

    public ScoreScale Scale { get; } = ScoreScale.Fit(Totals.Captioners.Values.Select(tally => tally.Scores), ThresholdOf(Run.Selection));

    /// <summary>The original first, then captioners as configured, then those that only rows know.</summary>
    public IReadOnlyList<CaptionerTotals> Captioners { get; } =
        [.. Totals.Captioners.Values.OrderBy(tally => tally.IsOriginal ? -1 : Place(Run, tally.Label)).ThenBy(tally => tally.Label, StringComparer.Ordinal)];

    private static int Place(ReportRun run, string label) => run.Captioners.TakeWhile(card => card.Label != label).Count();

    private static double? ThresholdOf(SelectionOptions? options) =>
        options is { Rule: SelectionRule.Power or SelectionRule.Softmax or SelectionRule.TopK, Threshold: > 0 } ? options.Threshold : null;
}

/// <summary>The rows with the smallest hashes of their keys: evenly spread over whatever passes by, and the same ones in whatever order it passes.</summary>
internal sealed class EvenSample(int size)
{
    private readonly PriorityQueue<IndexRow, (ulong Hash, string Key)> _kept = new(Comparer<(ulong Hash, string Key)>.Create(Largest));

    /// <summary>Rows that were offered.</summary>
    public long Offered { get; private set; }

    /// <summary>The rows, smallest hash first: any beginning of this list is itself an even sample.</summary>
    public IReadOnlyList<IndexRow> Rows => [.. _kept.UnorderedItems.OrderBy(kept => kept.Priority, Comparer<(ulong Hash, string Key)>.Create((a, b) => Largest(b, a))).Select(kept => kept.Element)];

    public void Offer(IndexRow row)
    {
        Offered++;
        var place = (XxHash3.HashToUInt64(MemoryMarshal.AsBytes(row.Key.AsSpan())), row.Key);
        if (_kept.Count < size)
            _kept.Enqueue(ShownRow.Cut(row), place);
        else if (size > 0 && _kept.TryPeek(out _, out var last) && Largest(last, place) < 0)
            _kept.EnqueueDequeue(ShownRow.Cut(row), place);
    }

    private static int Largest((ulong Hash, string Key) a, (ulong Hash, string Key) b) => b.Hash != a.Hash ? b.Hash.CompareTo(a.Hash) : string.CompareOrdinal(b.Key, a.Key);
}

/// <summary>A row as the page keeps it: texts no longer than anybody reads on a page, so that rows with megabytes of text cost no memory.</summary>
internal static class ShownRow
{
    /// <summary>Letters of a caption.</summary>
    public const int CaptionLimit = 2_000;

    /// <summary>Letters of a sentence, a model's name, a code.</summary>
    public const int LineLimit = 300;

    private const int CandidateLimit = 64;
    private const int CodeLimit = 24;

    public static IndexRow Cut(IndexRow row) => row with
    {
        ErrorMessage = PlainText.Cut(row.ErrorMessage, LineLimit),
        Original = null,
        Caption = null,
        Licence = PlainText.Cut(row.Licence, LineLimit),
        Notes = Codes(row.Notes),
        Concepts = [],
        Candidates = [.. row.Candidates.Where((candidate, place) => place < CandidateLimit || candidate.Label == row.CaptionLabel).Select(Of)],
    };

    private static Candidate Of(Candidate candidate) => candidate with
    {
        Text = PlainText.Cut(candidate.Text, CaptionLimit),
        TextRaw = candidate.Text is null ? PlainText.Cut(candidate.TextRaw, CaptionLimit) : null,
        Model = PlainText.Cut(candidate.Model, LineLimit),
        Message = PlainText.Cut(candidate.Message, LineLimit),
        Flags = Codes(candidate.Flags),
    };

    private static IReadOnlyList<string> Codes(IReadOnlyList<string> codes) => [.. codes.Take(CodeLimit).Select(code => PlainText.Cut(code, 80)!)];
}
