using System.Text.Json;
using Sana.Curation.Report;
using Sana.Workflows.Blobs;

namespace Sana.Workflows.Curation;

/// <summary>What the clock said of a dataset's stages, summed over its shards.</summary>
internal sealed class DatasetTimings(IBlobs blobs, TimeProvider time)
{
    public async Task<ReportTimings> Of(DatasetNames names, int shards, IReadOnlyList<string> labels, CancellationToken cancellationToken)
    {
        var (stages, asked) = (new List<StageTime>(), 0L);
        foreach (var stage in (string[])["ingest", .. labels.Select(label => $"caption-{label}"), "score", "write"])
        {
            var (seconds, items) = (0.0, 0L);
            for (var shard = 0; shard < shards; shard++)
            {
                if (await blobs.Read(names.Timing(stage, shard), cancellationToken) is not { } bytes)
                    continue;
                var timing = JsonSerializer.Deserialize(bytes, CurateJson.Readable.StageTiming)!;
                (seconds, items, asked) = (seconds + timing.Seconds, items + timing.Items, asked + timing.Asked);
            }

            if (items > 0)
                stages.Add(new StageTime(stage, TimeSpan.FromSeconds(seconds), items));
        }

        return new ReportTimings
        {
            Finished = time.GetUtcNow(),
            Elapsed = TimeSpan.FromSeconds(stages.Sum(stage => stage.Busy.TotalSeconds)),
            Images = stages.Count == 0 ? 0 : stages[0].Items,
            Captions = asked,
            Stages = stages,
        };
    }
}
