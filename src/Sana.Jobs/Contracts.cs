namespace Sana.Jobs;

// Every message of the two workflows. They hold names and counts: prompts, plans, images and outcomes are blobs.

/// <summary>Starts a generation run, see <see cref="Generation.Submission"/>.</summary>
/// <param name="Job">Name of the blob that holds the options and where the prompts are.</param>
/// <param name="Pace">How the work is spread.</param>
/// <param name="Retry">Null renders all that is missing; else the images that failed for certain reasons.</param>
/// <param name="Cursor">Where a continued run goes on; null at the start.</param>
/// <param name="Target">Hash of job, checkpoint and place: the same id with another one is another run. Null where the id alone decides.</param>
public sealed record GenerateRequest(string Job, Pace Pace, RetryOrder? Retry = null, GenerateCursor? Cursor = null, string? Target = null);

/// <summary>How the work is spread: batches or shards in flight, how long one may take from being queued to being done, and how often it is queued.</summary>
public sealed record Pace(int InFlight = 16, int DeadlineSeconds = 3600, int MaxSends = 3);

/// <summary>Makes again what failed for these reasons; <paramref name="Round"/> counts the retries of a run, from 1.</summary>
public sealed record RetryOrder(IReadOnlyList<string> Reasons, int Round);

/// <summary>Where a generation run stands: its plan, the next chunk, what the chunks before it came to, and when it was started, UTC.</summary>
public sealed record GenerateCursor(PlanSummary Plan, int Chunk, ItemCounts Done, DateTime Started);

/// <summary>What the plan step wrote: chunks of batches under <c>work/{RunId}/plan/</c>.</summary>
public sealed record PlanSummary(string RunId, int Chunks, long Batches, long Images, long Rejected);

/// <summary>Asks which batches of one chunk are still to be rendered; with reasons, which ones failed for them.</summary>
public sealed record ChunkQuery(string RunId, int Chunk, RetryOrder? Retry);

/// <summary>Puts one batch on the queue. <paramref name="ReplyTo"/> is the instance that waits for the event <paramref name="Event"/>, for <paramref name="DeadlineSeconds"/>, which are the attempt's limit too.</summary>
public sealed record BatchTicket(string RunId, int Chunk, string Batch, string ReplyTo, string Event, int DeadlineSeconds, RetryOrder? Retry);

/// <summary>The completion event of a batch: how it ended, and the reason when it was given up.</summary>
public sealed record BatchDone(string Batch, bool Succeeded, string? Reason);

/// <summary>Gives up a batch that nobody finished in time, so that the report can say so.</summary>
public sealed record BatchLost(string RunId, string Batch, string Reason, string Message);

/// <summary>Settles one chunk: collects the outcomes of its images into one blob.</summary>
public sealed record ChunkReport(string RunId, int Chunk);

/// <summary>Counts of a chunk or of all: images or files that came out, failed, or were never tried.</summary>
public sealed record ItemCounts(long Succeeded, long Failed, long Rejected)
{
    /// <summary>Nothing yet.</summary>
    public static ItemCounts None { get; } = new(0, 0, 0);

    /// <summary>Both together.</summary>
    public ItemCounts Plus(ItemCounts other) => new(Succeeded + other.Succeeded, Failed + other.Failed, Rejected + other.Rejected);
}

/// <summary>Closes a generation run: outcome lists and manifest.</summary>
public sealed record CloseRun(string RunId, int Chunks);

/// <summary>What a generation run came to.</summary>
public sealed record GenerateSummary(string RunId, string Manifest, long Succeeded, long Failed, long Rejected, IReadOnlyDictionary<string, long> Reasons);

/// <summary>What a running instance shows: items done of all, and when it was started, UTC.</summary>
public sealed record RunStatus(string RunId, string Stage, long Done, long Total, long Failed, DateTime Started);

/// <summary>Starts a curation run, see <see cref="Curation.CurationSubmission"/>.</summary>
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
/// <param name="Manifest">Name of the manifest.</param>
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
    Curation.Usage Spent);
