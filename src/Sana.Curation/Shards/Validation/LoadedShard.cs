namespace Sana.Curation.Shards.Validation;

/// <summary>A shard as the loader indexes it.</summary>
/// <param name="Tar">Its name in the folder.</param>
/// <param name="Samples">By key: the loader puts all members of a key together, wherever they stand.</param>
internal sealed record LoadedShard(string Tar, Dictionary<string, LoadedSample> Samples);

/// <summary>A sample of a shard.</summary>
internal sealed class LoadedSample
{
    /// <summary>Members by suffix as it is spelled: the loader knows <c>.jpg</c>, not <c>.JPG</c>.</summary>
    public Dictionary<string, (long Offset, long Length)> Members { get; } = new(StringComparer.Ordinal);

    /// <summary>What the loader calls <c>info</c>: names of the json's members, then the labels of sidecars.</summary>
    public HashSet<string> Info { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether it has image, json, sizes and prompt.</summary>
    public bool Loads { get; set; }

    /// <summary>Labels with a score that counts.</summary>
    public HashSet<string> Scored { get; } = new(StringComparer.Ordinal);
}
