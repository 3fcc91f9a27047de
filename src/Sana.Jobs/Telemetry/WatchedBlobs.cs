using System.Text.Json;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Telemetry;

/// <summary>Blobs whose new images and results are seen as they are written: the gallery, the throughput and the outcomes come from here, whatever wrote them.</summary>
public sealed class WatchedBlobs(IBlobs inner, TimeProvider clock) : IBlobs
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>What was written lately.</summary>
    public RecentWork Recent { get; } = new(clock);

    /// <inheritdoc />
    public string Place => inner.Place;

    /// <inheritdoc />
    public long? FreeBytes => inner.FreeBytes;

    /// <inheritdoc />
    public async Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var isNew = await inner.PutIfAbsent(name, bytes, cancellationToken);
        if (isNew)
            Look(name, bytes.Span);
        return isNew;
    }

    /// <inheritdoc />
    public async Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await inner.Put(name, bytes, cancellationToken);
        Look(name, bytes.Span);
    }

    /// <inheritdoc />
    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

    /// <inheritdoc />
    public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => inner.Write(name, write, cancellationToken);

    /// <inheritdoc />
    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

    /// <inheritdoc />
    public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

    /// <inheritdoc />
    public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

    /// <inheritdoc />
    public IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken) => inner.List(prefix, cancellationToken);

    private void Look(string name, ReadOnlySpan<byte> bytes)
    {
        if (!name.EndsWith(".json", StringComparison.Ordinal))
            return;
        try
        {
            if (name.StartsWith("results/", StringComparison.Ordinal))
                See(JobResult.Parse(bytes));
            else if (name.StartsWith("runs/", StringComparison.Ordinal) || name.StartsWith("jobs/", StringComparison.Ordinal))
                SeeRecord(bytes);
        }
        catch (JsonException)
        {
            // Somebody's own file: to be stored as it is, not to be understood.
        }
    }

    private void SeeRecord(ReadOnlySpan<byte> bytes)
    {
        var record = JsonSerializer.Deserialize<Record>(bytes, _json)!;
        if (record.Schema != "sana.image/1" || record.Status == OutcomeStatus.NotKept)
            return;
        Recent.Settle(record.RunId ?? "");
        if (record.Image is not { } image)
        {
            SanaTelemetry.ImagesInvalid.Add(1, new KeyValuePair<string, object?>("reason", record.Reason));
            return;
        }

        SanaTelemetry.ImagesGenerated.Add(1);
        Recent.Add(new RecentImage(image.Name, record.Prompt ?? "", record.Seed, image.Width, image.Height, clock.GetUtcNow()));
    }

    private void See(JobResult result)
    {
        var reason = result.Error?.Code ?? result.Status;
        SanaTelemetry.JobOutcomes.Add(1, new KeyValuePair<string, object?>("reason", reason));
        Recent.Count(result.Status == JobStatus.Failed ? reason : null);
        if (result.Timings is not { } timings)
            return;
        SanaTelemetry.QueueWait.Record(timings.QueueMs / 1000.0);
        SanaTelemetry.JobDuration.Record(timings.TotalMs / 1000.0, new("stage", "total"), new("outcome", result.Status));
    }

    private sealed record Record(string? Schema, string? RunId, string? Prompt, ulong Seed, string? Status, string? Reason, RecordedFile? Image);

    private sealed record RecordedFile(string Name, int Width, int Height);
}
