using System.Text.Json;
using Sana.Curation.Report;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>What the clock said of a dataset's stages, summed over its shards.</summary>
internal sealed class DatasetTimings(IBlobs blobs, TimeProvider time)
{
    public async Task<ReportTimings> Of(DatasetNames names, int shards, IReadOnlyList<string> labels, CancellationToken cancellationToken)
    {
        var (stages, asked, first, last) = (new List<StageTime>(), 0L, DateTimeOffset.MaxValue, DateTimeOffset.MinValue);
        foreach (var stage in (string[])["ingest", .. labels.Select(label => $"caption-{label}"), "score", "write"])
        {
            var (seconds, items) = (0.0, 0L);
            for (var shard = 0; shard < shards; shard++)
            {
                if (await blobs.Read(names.Timing(stage, shard), cancellationToken) is not { } bytes)
                    continue;
                var timing = JsonSerializer.Deserialize(bytes, CurateJson.Readable.StageTiming)!;
                (seconds, items, asked) = (seconds + timing.Seconds, items + timing.Items, asked + timing.Asked);
                var ended = timing.Started.AddSeconds(timing.Seconds);
                (first, last) = (timing.Started < first ? timing.Started : first, ended > last ? ended : last);
            }

            if (items > 0)
                stages.Add(new StageTime(stage, TimeSpan.FromSeconds(seconds), items));
        }

        return new ReportTimings
        {
            Finished = time.GetUtcNow(),
            Elapsed = stages.Count == 0 ? TimeSpan.Zero : last - first,
            Images = stages.Count == 0 ? 0 : stages[0].Items,
            Captions = asked,
            Stages = stages,
        };
    }
}
