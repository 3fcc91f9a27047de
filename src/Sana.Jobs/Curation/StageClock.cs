using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Seconds of stages, kept under <c>timings/</c>: apart from everything that must come out the same each time.</summary>
internal sealed class StageClock(IBlobs blobs, TimeProvider time)
{
    public DateTimeOffset Start() => time.GetUtcNow();

    public Task Record(DateTimeOffset start, string name, long items, long asked, CancellationToken cancellationToken) =>
        blobs.Put(name, JsonSerializer.SerializeToUtf8Bytes(new StageTiming(start, (time.GetUtcNow() - start).TotalSeconds, items, asked), CurateJson.Readable.StageTiming), cancellationToken);
}
