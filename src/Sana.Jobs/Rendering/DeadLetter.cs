using System.Globalization;
using System.Text.Json;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Rendering;

/// <summary><c>deadletter/{queue}/{yyyy}/{mm}/{dd}/{job_id}.json</c>: a message that was given up, with all that is known of why.</summary>
internal sealed record DeadLetter(string Schema, string Queue, string JobId, string Reason, string Message, DateTimeOffset Buried, IReadOnlyList<AttemptLedger.Attempt> Attempts, string Body)
{
    public static Task Dump(IBlobs blobs, string queue, string id, string body, Fault fault, AttemptLedger.Entries ledger, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var letter = new DeadLetter("sana.deadletter/1", queue, id, fault.Reason, fault.Message, now, ledger.Attempts, body);
        var name = string.Create(CultureInfo.InvariantCulture, $"deadletter/{queue}/{now.UtcDateTime:yyyy'/'MM'/'dd}/{id}.json");
        return blobs.Put(name, JsonSerializer.SerializeToUtf8Bytes(letter, JobJson.Readable.DeadLetter), cancellationToken);
    }
}
