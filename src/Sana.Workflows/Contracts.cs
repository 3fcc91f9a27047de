namespace Sana.Workflows;

// Every message of the two workflows. They hold names and counts: prompts, plans, images and outcomes are blobs.

/// <summary>Starts a generation run, see <see cref="Generation.Submission"/>.</summary>
/// <param name="Job">Name of the blob that holds the options and where the prompts are.</param>
/// <param name="Pace">How the work is spread.</param>
/// <param name="Retry">Null renders all that is missing; else the images that failed for certain reasons.</param>
/// <param name="Cursor">Where a continued run goes on; null at the start.</param>
public sealed record GenerateRequest(string Job, Pace Pace, RetryOrder? Retry = null, GenerateCursor? Cursor = null);

/// <summary>How the work is spread: batches or shards in flight, how long one may take from being queued to being done, and how often it is queued.</summary>
public sealed record Pace(int InFlight = 16, int DeadlineSeconds = 3600, int MaxSends = 3);

/// <summary>Makes again what failed for these reasons; <paramref name="Round"/> counts the retries of a run, from 1.</summary>
public sealed record RetryOrder(IReadOnlyList<string> Reasons, int Round);

/// <summary>Where a generation run stands: its plan, the next chunk, and what the chunks before it came to.</summary>
public sealed record GenerateCursor(PlanSummary Plan, int Chunk, ItemCounts Done);

/// <summary>What the plan step wrote: chunks of batches under <c>work/{RunId}/plan/</c>.</summary>
public sealed record PlanSummary(string RunId, int Chunks, long Batches, long Images, long Rejected);

/// <summary>Asks which batches of one chunk are still to be rendered; with reasons, which ones failed for them.</summary>
public sealed record ChunkQuery(string RunId, int Chunk, RetryOrder? Retry);

/// <summary>Puts one batch on the queue. <paramref name="ReplyTo"/> is the instance that waits for the event <paramref name="Event"/>.</summary>
public sealed record BatchTicket(string RunId, int Chunk, string Batch, string ReplyTo, string Event, RetryOrder? Retry);

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

/// <summary>What a running instance shows: items done of all.</summary>
public sealed record RunStatus(string RunId, string Stage, long Done, long Total, long Failed);

/// <summary>Starts a curation run over a folder or container of images.</summary>
/// <param name="Source">A folder of this machine or a place of blobs, as on the command line; never one with a key in it, for the history keeps it.</param>
/// <param name="Dataset">The dataset's name, a-z, 0-9 and hyphens.</param>
/// <param name="Version">The dataset's version, such as <c>v1</c>.</param>
/// <param name="ItemsPerShard">1…10,000.</param>
/// <param name="Pace">How the work is spread.</param>
/// <param name="Cursor">Where a continued run goes on; null at the start.</param>
public sealed record CurateRequest(string Source, string Dataset, string Version, int ItemsPerShard, Pace Pace, CurateCursor? Cursor = null);

/// <summary>Where a curation run stands.</summary>
public sealed record CurateCursor(ShardPlan Plan, int Shard, ItemCounts Done);

/// <summary>What listing a source gave: shards of item names under <c>work/datasets/{name}/{version}/</c>.</summary>
public sealed record ShardPlan(int Shards, long Items);

/// <summary>One shard of a dataset to work on.</summary>
public sealed record ShardTicket(string Source, string Dataset, string Version, int Shard);

/// <summary>Closes a curation run: the manifest over all shards.</summary>
public sealed record CloseDataset(string Dataset, string Version, int Shards);

/// <summary>What a curation run came to.</summary>
public sealed record CurateSummary(string Dataset, string Version, string Manifest, long Succeeded, long Rejected, IReadOnlyDictionary<string, long> Reasons);
