using System.Text;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>Result documents, <c>results/{job_id}.json</c>, and which job has an idempotency key, <c>work/keys/{sha256}</c>.</summary>
public sealed class JobResults(IBlobs blobs)
{
    /// <summary>The result of a job, or null while it has none.</summary>
    /// <exception cref="JobFaultException">The id cannot be a job's.</exception>
    public async Task<JobResult?> Read(string jobId, CancellationToken cancellationToken) =>
        await blobs.Read(Name(jobId), cancellationToken) is { } json ? JobResult.Parse(json) : null;

    /// <summary>Writes a result unless this round of the job has one.</summary>
    internal async Task Write(JobResult result, CancellationToken cancellationToken)
    {
        var (name, json) = (Name(result.JobId), result.ToJson());
        if (await blobs.PutIfAbsent(name, json, cancellationToken))
            return;
        if (JobResult.Parse(await blobs.Read(name, cancellationToken)).Round < result.Round)
            await blobs.Put(name, json, cancellationToken);
    }

    /// <summary>Takes a key for a job; the id of the job that has it.</summary>
    internal async Task<string> Claim(string key, string jobId, CancellationToken cancellationToken)
    {
        // The key is a caller's own text: only its hash is in a name.
        var name = $"work/keys/{Digest.Sha256(key)}";
        return await blobs.PutIfAbsent(name, Encoding.UTF8.GetBytes(jobId), cancellationToken)
            ? jobId
            : Encoding.UTF8.GetString((await blobs.Read(name, cancellationToken))!);
    }

    private static string Name(string jobId) => $"results/{JobReader.NameOf(jobId)}.json";
}
