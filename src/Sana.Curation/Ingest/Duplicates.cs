using System.Buffers.Binary;
using static System.FormattableString;

namespace Sana.Curation.Ingest;

/// <summary>
/// Finds what a dataset has twice, row after row; the order of the rows decides which one counts as the first. Takes some 76 bytes of memory a row, and the
/// key's bytes where a key is not the beginning of its hash. Not for several threads at once.
/// </summary>
public sealed class Duplicates
{
    private readonly DuplicateOptions _options;
    private readonly SeenRows _rows = new();
    private readonly ShaIndex _sameBytes;
    private readonly PhashIndex? _similar;

    /// <summary>An empty dataset with checked options.</summary>
    /// <exception cref="CurationException">An option is out of range.</exception>
    public Duplicates(DuplicateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _options = options;
        _sameBytes = new ShaIndex(_rows);
        _similar = options.MaxDistance is { } distance ? new PhashIndex(_rows, distance) : null;
    }

    /// <summary>
    /// First images that came so often that they are placeholders, in order of their rows: the verdicts on the later ones said so, and on these it came too
    /// late.
    /// </summary>
    public IEnumerable<DuplicateVerdict> SuspectedFirsts
    {
        get
        {
            for (var row = 0; row < _rows.Count; row++)
            {
                if (_rows[row] is { IsFirst: true } first && first.Times > _options.PlaceholderAfter)
                    yield return new DuplicateVerdict(Reasons.PlaceholderSuspect, _rows.Key(row), Seen(first.Times));
            }
        }
    }

    /// <summary>Takes the next row; null when nothing like it was there before.</summary>
    /// <param name="sha256">Of the bytes, 64 hexadecimal digits.</param>
    /// <param name="phash">Of the pixels.</param>
    /// <param name="key">What later rows are to name when they are like this one.</param>
    /// <param name="colours">Of the pixels, see <see cref="IngestedImage.Colours"/>; null when nobody looked, and then they count as alike.</param>
    public DuplicateVerdict? Add(string sha256, ulong phash, string key, UInt128? colours = null)
    {
        ArgumentNullException.ThrowIfNull(sha256);
        ArgumentNullException.ThrowIfNull(key);
        var bytes = Convert.FromHexString(sha256);
        var (high, low) = (BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)));

        if (_sameBytes.Find(high, low) is >= 0 and var same)
            return Later(_rows[same].IsFirst ? Reasons.DuplicateOf : Reasons.SimilarTo, _rows[same].IsFirst ? same : _rows[same].First);
        var like = _similar?.Find(phash, colours ?? SeenRows.NoColours) ?? -1;
        var row = _rows.Add(high, low, phash, colours ?? SeenRows.NoColours, key, first: like);
        _sameBytes.Add(row);
        if (like >= 0)
            return Later(Reasons.SimilarTo, like);
        _similar?.Add(row);
        return null;
    }

    private DuplicateVerdict Later(string reason, int first)
    {
        var times = ++_rows[first].Times;
        var key = _rows.Key(first);
        return times > _options.PlaceholderAfter ? new DuplicateVerdict(Reasons.PlaceholderSuspect, key, Seen(times))
            : reason == Reasons.DuplicateOf ? new DuplicateVerdict(reason, key, $"The file has the same bytes as {key}.")
            : new DuplicateVerdict(reason, key,
                Invariant($"The image looks like {key}: their hashes differ in at most {_options.MaxDistance} bits, and their colours are alike."));
    }

    private static string Seen(int times) => Invariant($"The image was seen {times} times so far, more than a picture of something would be.");
}

/// <summary>What a row is like.</summary>
/// <param name="Reason">duplicate_of, similar_to or placeholder_suspect.</param>
/// <param name="Of">Key of the first row of these.</param>
/// <param name="Message">One sentence.</param>
public sealed record DuplicateVerdict(string Reason, string Of, string Message);

/// <summary>What counts as having been seen before.</summary>
public sealed record DuplicateOptions
{
    /// <value>
    /// Bits in which perceptual hashes of similar images may differ, 0…11; null finds equal bytes only. Default 3: what is saved again or scaled stays within,
    /// and from 4 on a search takes ten times as long.
    /// </value>
    public int? MaxDistance { get; init; } = 3;

    /// <value>
    /// An image that comes more often than this, equal or similar, is no picture of anything but a placeholder; 1 or more, null never suspects. Default 100.
    /// </value>
    public int? PlaceholderAfter { get; init; } = 100;

    /// <summary>Checks every value.</summary>
    /// <exception cref="CurationException">One is out of range.</exception>
    public void Check()
    {
        if (MaxDistance is < 0 or > 11)
            throw new CurationException($"{nameof(MaxDistance)} {MaxDistance} is outside 0…11; use 3, or leave it out for equal bytes only.");
        if (PlaceholderAfter < 1)
            throw new CurationException($"{nameof(PlaceholderAfter)} {PlaceholderAfter} is below 1; use 100, or leave it out.");
    }
}
