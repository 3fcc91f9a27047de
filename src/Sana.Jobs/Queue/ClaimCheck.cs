using System.Text;
using System.Text.Json;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Queue;

/// <summary>
/// Big inputs travel in a blob: the message carries its name as <c>prompt_ref</c>. Programs from outside put theirs under <c>inputs/</c>,
/// queues with a limit put what is over it under <c>work/claims/</c>; nothing else is read for a message.
/// </summary>
internal static class ClaimCheck
{
    private const long MaxBytes = 1024 * 1024;

    /// <summary>The job itself when its body fits, else the same with its input in a blob.</summary>
    public static async Task<JobMessage> Fit(IBlobs blobs, JobMessage job, int maxBodyBytes, CancellationToken cancellationToken) =>
        Encoding.UTF8.GetByteCount(job.ToJson()) > maxBodyBytes ? await Deposit(blobs, job, cancellationToken) : job;

    /// <summary>The same job with its input in a blob.</summary>
    private static async Task<JobMessage> Deposit(IBlobs blobs, JobMessage job, CancellationToken cancellationToken)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(job.Input, JobJson.Readable.JobInput);
        var name = $"work/claims/{Digest.Sha256(json)}.json";
        await blobs.PutOrRepair(name, json, cancellationToken);
        return job with { Input = new JobInput { PromptRef = name } };
    }

    /// <summary>The input itself.</summary>
    /// <exception cref="JobFaultException">The blob is not there, not allowed, too large or not an input.</exception>
    public static async Task<JobInput> Redeem(IBlobs blobs, JobInput input, CancellationToken cancellationToken)
    {
        if (input.PromptRef is not { } name)
            return input;
        if (!BlobName.IsValid(name) || !(name.StartsWith("inputs/", StringComparison.Ordinal) || name.StartsWith("work/claims/", StringComparison.Ordinal)))
            throw Bad("is not the name of a blob under inputs/");

        var length = await blobs.Length(name, cancellationToken) ?? -1;
        if (length is < 0 or > MaxBytes)
            throw Bad(length < 0 ? "names no blob" : $"names a blob of {length} bytes; the limit is {MaxBytes}");
        try
        {
            var claimed = JsonSerializer.Deserialize(await blobs.Read(name, cancellationToken), JobJson.Readable.JobInput);
            return claimed is { PromptRef: null, Batch: null } ? claimed : throw Bad("names a blob that is not the input itself");
        }
        catch (JsonException)
        {
            throw Bad("names a blob that is not the JSON of an input");
        }

        JobFaultException Bad(string what) => new(FaultReason.BadInput, $"prompt_ref {what}.");
    }
}
