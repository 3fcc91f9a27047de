using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary><c>work/{run}/plan/*.json</c>: some batches of a run and the rows left out between them, in the plan's order, with all that a worker needs to render them.</summary>
internal sealed record PlanChunk(string Schema, string RunId, ImageFormat Format, int Quality, string Device, IReadOnlyList<ChunkItem> Items)
{
    /// <summary>The checkpoint that it was made for; null in a plan of an earlier version.</summary>
    public ModelRecord? Model { get; init; }

    /// <summary>How judges choose among the images of each batch, which are candidates of one; null where each is an image of its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BestOf? BestOf { get; init; }

    /// <summary>Candidates that are rendered together; null without any.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Together { get; init; }

    private const int MaxBatches = 128;
    private const int MaxItems = 2_000;
    private const int MaxCharacters = 1024 * 1024;

    public const string CurrentSchema = "sana.plan/1";

    /// <summary>Cuts a plan into chunks whose size is bounded by batches, rows and text; only one is in memory.</summary>
    public static IEnumerable<PlanChunk> Cut(IEnumerable<PlanItem> plan, string runId, GenerateJob job, RunConfig config)
    {
        var items = new List<ChunkItem>();
        var (batches, characters) = (0, 0L);
        foreach (var item in plan)
        {
            items.Add(ChunkItem.Of(item));
            if (item is RenderBatch batch)
            {
                batches++;
                characters += batch.Images.Sum(image => (long)image.Request.Prompt.Length) + batch.Options.NegativePrompt.Length;
            }

            if (batches == MaxBatches || items.Count == MaxItems || characters >= MaxCharacters)
            {
                yield return Of(items);
                items = [];
                (batches, characters) = (0, 0);
            }
        }

        if (items.Count > 0)
            yield return Of(items);

        PlanChunk Of(List<ChunkItem> of) => new(CurrentSchema, runId, job.Format, job.Quality, job.Device, of) { Model = config.Model, BestOf = config.BestOf, Together = config.BestOf is null ? null : job.BatchSize };
    }

    /// <exception cref="SanaException">There is no such chunk.</exception>
    public static async Task<PlanChunk> Read(IBlobs blobs, string name, CancellationToken cancellationToken)
    {
        var json = await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name}; start the run again.");
        return JsonSerializer.Deserialize(json, GenerateJson.Default.PlanChunk)!;
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, GenerateJson.Default.PlanChunk);

    public IEnumerable<PlanItem> Plan() => Items.Select(item => item.ToItem() is RenderBatch batch ? batch with { BestOf = BestOf } : item.ToItem());

    public IEnumerable<RenderBatch> Batches() => Plan().OfType<RenderBatch>();

    [JsonIgnore]
    public ImageOutput Output => new(Format, Quality, Device);
}

/// <summary>A batch, or a row that is left out.</summary>
internal sealed record ChunkItem(string? Batch, GenerateOptions? Options, IReadOnlyList<ChunkImage>? Images, long? Row, string? Reason, string? Message)
{
    public static ChunkItem Of(PlanItem item) => item switch
    {
        RenderBatch batch => new ChunkItem(
            batch.Id,
            batch.Options,
            [.. batch.Images.Select(image => new ChunkImage(image.Row, image.Id, image.Request.Prompt, image.Request.Seed, image.Request.Index) { Flags = image.Flags is { Count: > 0 } flags ? flags : null })],
            null,
            null,
            null),
        RejectedRow row => new ChunkItem(null, null, null, row.Row, row.Rejection.Reason, row.Rejection.Message),
        _ => throw new ArgumentOutOfRangeException(nameof(item)),
    };

    public PlanItem ToItem() => Batch is null
        ? new RejectedRow(Row!.Value, new Rejection(Reason!, Message!))
        : new RenderBatch(Batch, Options!, [.. Images!.Select(image => new PlannedImage(image.Row, image.Id, new ImageRequest(image.Prompt, image.Seed, image.Index)) { Flags = image.Flags ?? [] })]);
}

/// <summary>One image of a batch.</summary>
internal sealed record ChunkImage(long Row, string? Id, string Prompt, ulong Seed, int Index)
{
    /// <summary>What its record says of the row; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Flags { get; init; }
}
