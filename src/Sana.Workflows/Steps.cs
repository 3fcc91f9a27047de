using Sana.Workflows.Contract;

namespace Sana.Workflows;

/// <summary>The steps of the two workflows. Names stay as they are as long as instances that recorded them may run.</summary>
public static class Steps
{
    /// <summary>Writes the plan of a generation run and claims its name.</summary>
    public static readonly Step<GenerateRequest, PlanSummary> PlanRun = new("generate.plan");

    /// <summary>Names the batches of a chunk that are still to be rendered.</summary>
    public static readonly Step<ChunkQuery, IReadOnlyList<string>> OpenBatches = new("generate.open-batches");

    /// <summary>Puts one batch on the queue; true unless it is there already.</summary>
    public static readonly Step<BatchTicket, bool> SendBatch = new("generate.send");

    /// <summary>Writes down why a batch was given up.</summary>
    public static readonly Step<BatchLost, bool> LoseBatch = new("generate.lose");

    /// <summary>Collects the outcomes of a chunk.</summary>
    public static readonly Step<ChunkReport, ItemCounts> ReportChunk = new("generate.report-chunk");

    /// <summary>Writes outcome lists and manifest.</summary>
    public static readonly Step<CloseRun, GenerateSummary> CloseRun = new("generate.close");

    /// <summary>Lists a source and writes its shards' item lists.</summary>
    public static readonly Step<CurateRequest, DatasetPlan> PlanDataset = new("curate.plan");

    /// <summary>Reads, normalises and filters the images of a shard.</summary>
    public static readonly Step<ShardTicket, ItemCounts> IngestShard = new("curate.ingest");

    /// <summary>Links images that are there twice, over all shards.</summary>
    public static readonly Step<DatasetTicket, ItemCounts> LinkDuplicates = new("curate.link");

    /// <summary>Asks one captioner about the images of a shard.</summary>
    public static readonly Step<CaptionTicket, ItemCounts> CaptionShard = new("curate.caption");

    /// <summary>Scores every caption of a shard.</summary>
    public static readonly Step<ShardTicket, ItemCounts> ScoreShard = new("curate.score");

    /// <summary>Selects captions and writes the shard.</summary>
    public static readonly Step<ShardTicket, ItemCounts> WriteShard = new("curate.write");

    /// <summary>Writes the dataset's index, manifest and report.</summary>
    public static readonly Step<DatasetTicket, CurateSummary> CloseDataset = new("curate.close");
}
