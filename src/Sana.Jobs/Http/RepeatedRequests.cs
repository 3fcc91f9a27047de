using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Durable;
using Sana.Jobs.Requests;
using Sana.Storage;

namespace Sana.Jobs.Http;

/// <summary>
/// Which job the last request with this key and body was for. OpenAI's clients send a request again when it took too long, and count how often: the repeat is to find the job that is at work, and
/// not to put another one behind it. Kept among the blobs, because the repeat may reach another process.
/// </summary>
internal sealed class RepeatedRequests(ApiParts parts)
{
    /// <summary>A repeat comes within the client's own time limit, ten minutes by default, and seconds after it.</summary>
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    /// <summary>The id of the job that a repeat is for; null when there is none that it could join.</summary>
    public async Task<string?> Find(RepeatedRequest request, CancellationToken cancellationToken)
    {
        if (await parts.Blobs.Read(request.Blob, cancellationToken) is not { } json || JsonSerializer.Deserialize<Pointer>(json, ApiJson.Options) is not { } last)
            return null;
        if (parts.Clock.GetUtcNow() - last.At > Life || await Started(last.JobId, cancellationToken) is not { } job)
            return null;
        return !job.IsFinished || (job.Status == WorkflowStatus.Completed && JobsApi.StatusOf(job) == Queue.JobStatus.Succeeded) ? last.JobId : null;
    }

    /// <summary>The job's instance. A hasty client repeats while the first request is still being written down: that is waited for.</summary>
    private async Task<WorkflowInstance?> Started(string id, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            var job = await parts.Workflows.Get(RequestedJobs.Instance(id));
            if (job is not null || waited >= Longest)
                return job;
            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>Keeps the id for the next repeat.</summary>
    public Task Remember(RepeatedRequest request, string id) =>
        parts.Blobs.Put(request.Blob, JsonSerializer.SerializeToUtf8Bytes(new Pointer(id, parts.Clock.GetUtcNow()), ApiJson.Options), CancellationToken.None);

    private sealed record Pointer(string JobId, DateTimeOffset At);
}

/// <summary>A request of a client that counts its repeats.</summary>
/// <param name="Blob">Named by a hash of key and body.</param>
/// <param name="Count">0 for the first, 1 for the first repeat.</param>
internal sealed record RepeatedRequest(string Blob, int Count)
{
    /// <summary>The request, or null where the client does not count.</summary>
    public static RepeatedRequest? Of(HttpRequest request, ReadOnlySpan<byte> body)
    {
        if (RequestHeaders.RetryCount(request.Headers["x-stainless-retry-count"]) is not { } count)
            return null;
        var headers = request.Headers;
        var caller = $"{headers.Authorization}\n{headers["api-key"]}\n{headers["x-functions-key"]}\n{request.Query["code"]}";
        return new RepeatedRequest($"work/repeats/{Digest.Sha256($"{Digest.Sha256(caller)}\n{request.Path}\n{Digest.Sha256(body)}")}.json", count);
    }

    /// <summary>How long to wait for the next repeat of a client that hung up: these clients pause half a second before the first, twice as long before each further one, 8 seconds at most.</summary>
    public static TimeSpan PauseBefore(int? repeats) => repeats is { } count ? TimeSpan.FromSeconds(Math.Min(8, 0.5 * Math.Pow(2, count)) + 2) : TimeSpan.Zero;
}
