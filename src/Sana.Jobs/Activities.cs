using Sana.Jobs.Durable;

namespace Sana.Jobs;

/// <summary>The activities of the two jobs, in the order of the data. Names stay as they are as long as instances that recorded them may run.</summary>
public static class Activities
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
