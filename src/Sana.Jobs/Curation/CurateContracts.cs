using Sana.Curation.Sources;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Curation;

// The messages of a curation run. They hold names and counts: rows, captions and images are blobs.

/// <summary>Starts a curation run, see <see cref="CurationSubmission"/>.</summary>
/// <param name="Job">Name of the blob that holds the source and the options.</param>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">The dataset's version, such as <c>v1</c>.</param>
/// <param name="Pace">How the work is spread; its deadline is for batches only.</param>
/// <param name="Retry">Null does all that is missing; else what failed for certain reasons is done again.</param>
/// <param name="Cursor">Where a continued run goes on; null at the start.</param>
public sealed record CurateRequest(string Job, string Dataset, string Version, Pace Pace, RetryOrder? Retry = null, CurateCursor? Cursor = null);

/// <summary>What listing a source gave: shards of items under <c>work/datasets/{name}/{version}/</c>, and who captions and scores them.</summary>
public sealed record DatasetPlan(int Shards, long Items, IReadOnlyList<string> Captioners, bool IsScored);

/// <summary>What a curation run is at: images of every shard, duplicates over all shards, captions and shards, the end.</summary>
public enum CurateStage
{
    /// <summary>Reading and normalising images.</summary>
    Ingest,

    /// <summary>Linking images that are there twice.</summary>
    Link,

    /// <summary>Captions, scores, selection, shards.</summary>
    Caption,

    /// <summary>Manifest and report.</summary>
    Close,
}

/// <summary>Where a curation run stands, and when it was started, UTC.</summary>
public sealed record CurateCursor(DatasetPlan Plan, CurateStage Stage, int Shard, ItemCounts Done, DateTime Started)
{
    /// <summary>After so many more shards of a stage; past the last one the next stage begins.</summary>
    public CurateCursor After(int shards, ItemCounts done) => Shard + shards < Plan.Shards
        ? this with { Shard = Shard + shards, Done = done }
        : new CurateCursor(Plan, Stage + 1, 0, ItemCounts.None, Started);
}

/// <summary>One shard of a dataset to work on.</summary>
public sealed record ShardTicket(string Job, int Shards, int Shard, RetryOrder? Retry);

/// <summary>One shard to be captioned by one model.</summary>
public sealed record CaptionTicket(ShardTicket Shard, string Label);

/// <summary>All shards of a dataset.</summary>
public sealed record DatasetTicket(string Job, int Shards);

/// <summary>What a curation run came to.</summary>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Manifest">Name of the manifest; empty for a version that came out without an image and was not published.</param>
/// <param name="Report">Name of the report.</param>
/// <param name="Succeeded">Images in the shards.</param>
/// <param name="Failed">Images without a usable caption or score; a retry may cure them.</param>
/// <param name="Rejected">Images that cannot be used.</param>
/// <param name="Statuses">How often each status occurs, duplicates, filtered and known ones among them.</param>
/// <param name="Reasons">How often each reason code occurs.</param>
/// <param name="Spent">What all captions cost, those of earlier runs that were found again included.</param>
public sealed record CurateSummary(
    string Dataset,
    string Version,
    string Manifest,
    string Report,
    long Succeeded,
    long Failed,
    long Rejected,
    IReadOnlyDictionary<string, long> Statuses,
    IReadOnlyDictionary<string, long> Reasons,
    Usage Spent)
{
    /// <value>What the source is, what it has, and what of it was left out; null for a run of a program that did not count it.</value>
    public SourceFacts? Source { get; init; }

    /// <value>Whether the normalised images were kept under <c>cache/images/</c>: it was asked for, nothing was published, or a retry may cure something. Default false.</value>
    public bool KeepsImages { get; init; }

    /// <value>What each captioner gave, in the order of the settings.</value>
    public IReadOnlyList<CaptionerOutcome> Captioners { get; init; } = [];
}

/// <summary>What one captioner gave over a whole dataset.</summary>
/// <param name="Label">Its label.</param>
/// <param name="Usable">Captions that could be chosen.</param>
/// <param name="Unusable">Images for which it gave none.</param>
/// <param name="Reason">The commonest code of those; null when there are none.</param>
/// <param name="Message">The first sentence to it, with the provider's own words.</param>
public sealed record CaptionerOutcome(string Label, long Usable, long Unusable, string? Reason, string? Message);

/// <summary>The activities of a curation run, in the order of the data. Names stay as they are as long as instances that recorded them may run.</summary>
public static class CurateActivities
{
    /// <summary>Lists a source and writes its shards' item lists.</summary>
    public static readonly Activity<CurateRequest, DatasetPlan> PlanShards = new(nameof(PlanShards));

    /// <summary>Reads, normalises and filters the images of a shard.</summary>
    public static readonly Activity<ShardTicket, ItemCounts> IngestShard = new(nameof(IngestShard));

    /// <summary>Links images that are there twice, over all shards.</summary>
    public static readonly Activity<DatasetTicket, ItemCounts> LinkDuplicates = new(nameof(LinkDuplicates));

    /// <summary>Asks one captioner about the images of a shard.</summary>
    public static readonly Activity<CaptionTicket, ItemCounts> CaptionShard = new(nameof(CaptionShard));

    /// <summary>Scores every caption of a shard.</summary>
    public static readonly Activity<ShardTicket, ItemCounts> ScoreShard = new(nameof(ScoreShard));

    /// <summary>Selects captions and writes the shard.</summary>
    public static readonly Activity<ShardTicket, ItemCounts> WriteShard = new(nameof(WriteShard));

    /// <summary>Writes the dataset's index, manifest and report.</summary>
    public static readonly Activity<DatasetTicket, CurateSummary> CloseDataset = new(nameof(CloseDataset));
}
