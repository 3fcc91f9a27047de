using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary><c>deadletter/{queue}/{yyyy}/{mm}/{dd}/{job_id}.json</c>: a message that was given up, with all that is known of why.</summary>
internal sealed record DeadLetter(string Schema, string Queue, string JobId, string Reason, string Message, DateTimeOffset Buried, IReadOnlyList<AttemptLog.Attempt> Attempts, string Body)
{
    public static Task Dump(IBlobs blobs, string queue, string id, string body, JobFault fault, AttemptLog.Entries ledger, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var letter = new DeadLetter("sana.deadletter/1", queue, id, fault.Reason, fault.Message, now, ledger.Attempts, body);
        var name = string.Create(CultureInfo.InvariantCulture, $"deadletter/{queue}/{now.UtcDateTime:yyyy'/'MM'/'dd}/{id}.json");
        return blobs.Put(name, JsonSerializer.SerializeToUtf8Bytes(letter, WorkerJson.Readable.DeadLetter), cancellationToken);
    }
}

/// <summary>Attempts and dead letters as text: snake_case, nulls left out.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(AttemptLog.Entries))]
internal sealed partial class WorkerJson : JsonSerializerContext
{
    public static WorkerJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
