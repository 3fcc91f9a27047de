using Sana.Curation.Shards;

namespace Sana.Curation.Export;

/// <summary>A finished version of a dataset, as an export reads it.</summary>
public sealed record ExportDataset
{
    /// <value>The dataset's name.</value>
    public required string Dataset { get; init; }

    /// <value>Its version.</value>
    public required string Version { get; init; }

    /// <value>SHA-256 of its manifest, lower-case hexadecimal: what an export that goes on must be of.</value>
    public required string ManifestSha256 { get; init; }

    /// <value>jpg or png.</value>
    public required string ImageExtension { get; init; }

    /// <value>The CLIP checkpoint behind scores; null when nothing was scored.</value>
    public string? Scorer { get; init; }

    /// <value>Its shards, in their order.</value>
    public required IReadOnlyList<ShardStats> Shards { get; init; }

    /// <value>Labels of the captioners.</value>
    public required IReadOnlyList<string> Captioners { get; init; }

    /// <value>Opens a file of its shards, such as <c>00000.tar</c>, seekable; null when there is none.</value>
    public required Func<string, CancellationToken, Task<Stream?>> Open { get; init; }

    /// <summary>Labels of its captions: the originals, the captioners, and what has sidecars beside the tars.</summary>
    public IReadOnlyList<string> Labels =>
        [.. Captioners.Prepend(Candidate.OriginalLabel).Concat(Shards.SelectMany(Sidecars)).Distinct(StringComparer.Ordinal)];

    private static IEnumerable<string> Sidecars(ShardStats shard)
    {
        var (first, last) = (new ShardNames(shard.Shard).Captions(""), ".json");
        return shard.Files.Select(file => file.Name)
            .Where(name => name.StartsWith(first[..^last.Length], StringComparison.Ordinal) && name.EndsWith(last, StringComparison.Ordinal)
                && !name.EndsWith("_clip_score.json", StringComparison.Ordinal))
            .Select(name => name[(first.Length - last.Length)..^last.Length]);
    }
}
