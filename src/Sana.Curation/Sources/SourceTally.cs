using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json.Serialization;
using Sana.Storage;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>Counts what a listing of a source meets: how it is laid out, and what was left out. Not for several threads at once.</summary>
public sealed class SourceTally
{
    private const int MostNames = 20;

    private readonly SortedDictionary<string, long> _read = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _leftOut = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _notTaken = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _unread = new(StringComparer.Ordinal);

    private readonly XxHash128 _stamp = new();

    /// <summary>
    /// A hash over the files of a folder and when each was last changed, where the place says when. It tells that a caption was edited, although its file
    /// is as long as before.
    /// </summary>
    public string Stamp => Convert.ToHexStringLower(_stamp.GetCurrentHash());

    /// <summary>What was counted so far.</summary>
    public SourceFacts Facts => new()
    {
        Kind = _read.Count == 0 ? "nothing that is read" : string.Join(", ", _read.Select(each => each.Value > 1 ? $"{each.Key} ({each.Value} files)"
            : each.Key)),
        LeftOut = new SortedDictionary<string, long>(_leftOut, StringComparer.Ordinal),
        NotTaken = [.. _notTaken],
        Unread = [.. _unread.Select(each => $"{each.Value} {each.Key}")],
    };

    /// <summary>A file of the folder was listed.</summary>
    internal void Listed(SourceFile file) => _stamp.Append(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"{file.Name}\n{file.Length}\n{file.Changed?.UtcTicks}\n")));

    /// <summary>A file was read as one of a kind, such as <c>Parquet with images</c>.</summary>
    internal void Read(string kind) => Count(_read, kind);

    /// <summary>Something was left out on purpose: <c>hidden</c>, <c>link</c>, <c>.toml</c>.</summary>
    internal void LeftOut(string what) => Count(_leftOut, what.Length > 40 ? what[..40] : what);

    /// <summary>A field or member that may hold captions was not taken for one.</summary>
    internal void NotTaken(string field)
    {
        if (_notTaken.Count < MostNames)
            _notTaken.Add(FileNames.Shown(field));
    }

    /// <summary>A file of a layout that is not read, with the way out: <c>.mds files of MosaicML Streaming: write them as WebDataset or Parquet</c>.</summary>
    internal void Unread(string sentence) => Count(_unread, sentence);

    // The names are file endings of strangers: a bound on how many are kept.
    private static void Count(SortedDictionary<string, long> counts, string name)
    {
        if (counts.Count >= 200 && !counts.ContainsKey(name))
            name = "other";
        counts[name] = counts.GetValueOrDefault(name) + 1;
    }
}

/// <summary>What a source is, what it has, and what of it was left out.</summary>
public sealed record SourceFacts
{
    /// <summary>What members of a tar are called that are not read, before their ending.</summary>
    internal const string TarMember = "tar member .";

    /// <value>How it is laid out, in words: <c>WebDataset (2 files)</c>, <c>ImageFolder with metadata.jsonl</c>.</value>
    public required string Kind { get; init; }

    /// <value>About how many bytes the images take once they are normalised, as far as their files tell.</value>
    public long NormalisedBytes { get; init; }

    /// <value>Images that are neither broken nor the same bytes as one before.</value>
    public long Images { get; init; }

    /// <value>Captions of these that came with them.</value>
    public long Captions { get; init; }

    /// <value>Images that an earlier version has, whose captions were another then.</value>
    public long Edited { get; init; }

    /// <value>What was passed over, by kind, with how often.</value>
    public IReadOnlyDictionary<string, long> LeftOut { get; init; } = new SortedDictionary<string, long>(StringComparer.Ordinal);

    /// <value>Fields and members that may hold captions and were not taken for one; at most 20.</value>
    public IReadOnlyList<string> NotTaken { get; init; } = [];

    /// <value>Layouts that are not read, each with the way out.</value>
    public IReadOnlyList<string> Unread { get; init; } = [];

    private IEnumerable<string> NoCaptions => NotTaken.Concat(LeftOut.Keys.Where(what => what.StartsWith(TarMember, StringComparison.Ordinal)));

    /// <summary>One line: <c>ImageFolder with metadata.jsonl: 6 images, 12 captions; left out: 2 hidden, 1 .toml</c>.</summary>
    [JsonIgnore]
    public string Line => string.Create(CultureInfo.InvariantCulture, $"{Kind}: {Counted.Of(Images, "image")}, {Counted.Of(Captions, "caption")}{Rest}");

    /// <summary>What was seen and not used, as the end of a sentence; empty when nothing was.</summary>
    [JsonIgnore]
    public string Rest => string.Concat(
        Edited == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
            $"; of {Counted.Of(Edited, "image")} of earlier versions the captions have changed (--edited-captions takes them)"),
        LeftOut.Count == 0 ? "" : "; left out: " + string.Join(", ", LeftOut.OrderByDescending(each => each.Value).ThenBy(each => each.Key,
            StringComparer.Ordinal)
            .Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Value} {each.Key}"))),
        Captions > 0 || !NoCaptions.Any() ? "" : "; not taken as captions: " + string.Join(", ", NoCaptions) + " (--caption-field takes them)",
        Unread.Count == 0 ? "" : "; not read: " + string.Join("; ", Unread));
}
