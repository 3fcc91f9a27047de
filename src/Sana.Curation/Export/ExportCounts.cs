using Sana.Curation.Report;

namespace Sana.Curation.Export;

/// <summary>What an export counts.</summary>
internal sealed class ExportCounts
{
    /// <summary>The row is in the index, and its image is not in the tar.</summary>
    public const string MissingImage = "missing_image";

    /// <summary>The index of a shard is gone.</summary>
    public const string MissingIndex = "missing_index";

    private readonly SortedDictionary<string, long> _leftOut = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _notInShards = new(StringComparer.Ordinal);

    /// <summary>Images that were exported, with all that a card says of them.</summary>
    public Totals Exported { get; } = new();

    /// <summary>Captions of these images.</summary>
    public long Texts { get; private set; }

    /// <summary>Captions whose line breaks became spaces, since a line is a caption in the target.</summary>
    public long Joined { get; private set; }

    /// <summary>Bytes of the images.</summary>
    public long ImageBytes { get; private set; }

    /// <summary>Files that were written.</summary>
    public long Written { get; set; }

    /// <summary>Files that were there already.</summary>
    public long Kept { get; set; }

    /// <summary>Images of the shards that are not in the export, by reason.</summary>
    public IReadOnlyDictionary<string, long> LeftOutByReason => _leftOut;

    /// <summary>Rows whose image is not in the shards, by status.</summary>
    public IReadOnlyDictionary<string, long> NotInShardsByStatus => _notInShards;

    /// <summary>The first image that is missing.</summary>
    public string? FirstMissing { get; private set; }

    public void Add(ExportSample sample, int texts)
    {
        Exported.Add(sample.Row);
        Texts += texts;
        ImageBytes += sample.Length;
    }

    public void LeaveOut(string reason, string what, long images = 1)
    {
        if (images == 0)
            return;
        _leftOut[reason] = _leftOut.GetValueOrDefault(reason) + images;
        FirstMissing ??= reason == Reasons.NoCaption ? null : what;
    }

    public void NotInShards(string status) => Totals.Count(_notInShards, status);

    /// <summary>A caption as one line: what ends lines, in Unicode or for Python, is a space.</summary>
    public string Line(string text)
    {
        var parts = text.Split(['\n', '\r', '\v', '\f', '\u001c', '\u001d', '\u001e', '\u0085', '\u2028', '\u2029'],
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Joined += parts.Length > 1 ? 1 : 0;
        return string.Join(' ', parts);
    }
}
