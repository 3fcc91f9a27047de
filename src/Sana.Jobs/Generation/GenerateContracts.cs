using Sana.Jobs.Durable;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

// The messages of a generation run. They hold names and counts: prompts, plans, images and outcomes are blobs.

/// <summary>Starts a generation run, see <see cref="GenerateSubmission"/>.</summary>
/// <param name="Job">Name of the blob that holds the options and where the prompts are.</param>
/// <param name="Pace">How the work is spread.</param>
/// <param name="Retry">Null renders all that is missing; else the images that failed for certain reasons.</param>
/// <param name="Cursor">Where a continued run goes on; null at the start.</param>
/// <param name="Target">Hash of job, checkpoint and place: the same id with another one is another run. Null where the id alone decides.</param>
/// <param name="Model">Fingerprint of the checkpoint that it is for; null until it is planned.</param>
public sealed record GenerateRequest(
    string Job, Pace Pace, RetryOrder? Retry = null, GenerateCursor? Cursor = null, string? Target = null, string? Model = null);

/// <summary>Where a generation run stands: its plan, the next chunk, what the chunks before it came to, and when it was started, UTC.</summary>
public sealed record GenerateCursor(PlanSummary Plan, int Chunk, ItemCounts Done, DateTime Started);

/// <summary>What the plan step wrote: chunks of batches under <c>work/{RunId}/plan/</c>. <paramref name="Images"/> are those that are to be kept.</summary>
public sealed record PlanSummary(string RunId, int Chunks, long Batches, long Images, long Rejected)
{
    /// <value>Name of the checkpoint that it was made for; null in a plan of an earlier version.</value>
    public string? ModelName { get; init; }

    /// <value>The fingerprint of that checkpoint.</value>
    public string? Model { get; init; }
}

/// <summary>Asks which batches of one chunk are still to be rendered; with reasons, which ones failed for them.</summary>
public sealed record ChunkQuery(string RunId, int Chunk, RetryOrder? Retry);

/// <summary>Puts one batch on the queue. <paramref name="ReplyTo"/> is the instance that waits for the event <paramref name="Event"/>.</summary>
public sealed record BatchTicket(string RunId, int Chunk, string Batch, string ReplyTo, string Event, int DeadlineSeconds, RetryOrder? Retry)
{
    /// <value>The checkpoint that the plan was made for; null in a plan of an earlier version.</value>
    public JobModel? Model { get; init; }
}

/// <summary>The completion event of a batch: how it ended, and the reason when it was given up.</summary>
public sealed record BatchDone(string Batch, bool Succeeded, string? Reason);

/// <summary>Gives up a batch that nobody finished in time, so that the report can say so.</summary>
public sealed record BatchLost(string RunId, string Batch, string Reason, string Message);

/// <summary>Settles one chunk: collects the outcomes of its images into one blob.</summary>
public sealed record ChunkReport(string RunId, int Chunk);

/// <summary>Closes a generation run: outcome lists and manifest.</summary>
public sealed record CloseRun(string RunId, int Chunks);

/// <summary>What a generation run came to.</summary>
public sealed record GenerateSummary(string RunId, string Manifest, long Succeeded, long Failed, long Rejected, IReadOnlyDictionary<string, long> Reasons)
{
    /// <value>Of the failed ones, those whose batch was given up: they have no record.</value>
    public long Lost { get; init; }

    /// <value>Images whose prompt, or negative prompt, was cut: it has more tokens than the network reads.</value>
    public long Cut { get; init; }

    /// <value>Candidates for which others were chosen; they are none of the counts above.</value>
    public long NotKept { get; init; }
}

/// <summary>The activities of a generation run, in the order of the data. Names stay as they are as long as instances that recorded them may run.</summary>
public static class GenerateActivities
{
    /// <summary>Writes the plan of a generation run and claims its name.</summary>
    public static readonly Activity<GenerateRequest, PlanSummary> PlanImages = new(nameof(PlanImages));

    /// <summary>Names the batches of a chunk that are still to be rendered.</summary>
    public static readonly Activity<ChunkQuery, IReadOnlyList<string>> OpenBatches = new(nameof(OpenBatches));

    /// <summary>Puts one batch on the queue; true unless it is there already.</summary>
    public static readonly Activity<BatchTicket, bool> SendBatch = new(nameof(SendBatch));

    /// <summary>Writes down why a batch was given up.</summary>
    public static readonly Activity<BatchLost, bool> GiveUpBatch = new(nameof(GiveUpBatch));

    /// <summary>Collects the outcomes of a chunk.</summary>
    public static readonly Activity<ChunkReport, ItemCounts> ReportChunk = new(nameof(ReportChunk));

    /// <summary>Writes outcome lists and manifest.</summary>
    public static readonly Activity<CloseRun, GenerateSummary> CloseRun = new(nameof(CloseRun));
}
