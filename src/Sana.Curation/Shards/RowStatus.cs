namespace Sana.Curation.Shards;

/// <summary>What became of an image: the closed set of <see cref="IndexRow.Status"/>.</summary>
public static class RowStatus
{
    /// <summary>It is in the shard.</summary>
    public const string Success = "success";

    /// <summary>The image itself cannot be used.</summary>
    public const string Rejected = "rejected";

    /// <summary>A rule keeps it out.</summary>
    public const string Filtered = "filtered";

    /// <summary>Another image has its bytes or its looks.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>An earlier version of the dataset has it.</summary>
    public const string Known = "known";

    /// <summary>Captions or scores are missing; a retry may cure it.</summary>
    public const string Failed = "failed";
}
