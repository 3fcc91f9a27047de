using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>
/// What was tried with a job: written before rendering begins, because a process that dies of it cannot say so afterwards. An attempt that has no end when
/// another worker takes the message ended with the death of its process.
/// </summary>
internal sealed class AttemptLog(IBlobs blobs, string queue)
{
    public async Task<Entries> Read(string key, CancellationToken cancellationToken)
    {
        try
        {
            var json = await blobs.Read(Name(key), cancellationToken);
            var entries = json is null ? new Entries([], null) : JsonSerializer.Deserialize(json, WorkerJson.Readable.Entries)!;
            // What was made once and is made again, because somebody removed it, begins afresh.
            return entries.Attempts is [.., { Ended: Attempt.Succeeded }] ? new Entries([], null) : entries;
        }
        catch (JsonException)
        {
            // Damaged by somebody else: counting starts anew.
            return new Entries([], null);
        }
    }

    public Task Write(string key, Entries entries, CancellationToken cancellationToken) =>
        blobs.Put(Name(key), JsonSerializer.SerializeToUtf8Bytes(entries, WorkerJson.Readable.Entries), cancellationToken);

    private string Name(string key) => $"work/attempts/{queue}/{key}.json";

    /// <summary>The attempts so far, and how many images may be rendered together since memory ran out; null for all.</summary>
    internal sealed record Entries(IReadOnlyList<Attempt> Attempts, int? MaxBatch)
    {
        /// <summary>Attempts that nobody ended, whatever the cause.</summary>
        public int Unended => Attempts.Count(attempt => attempt.Ended is null);

        /// <summary>Attempts that count: one that was called back does not.</summary>
        public int Spent => Attempts.Count(attempt => attempt.Ended != Attempt.Returned);

        /// <summary>Attempts whose process died of itself, as far as can be told from here.</summary>
        public int ProcessDeaths(ProcessPlace here) => Attempts.Count(attempt => attempt.Ended is null && !here.Excuses(attempt.Place));

        public int Count(string reason) => Attempts.Count(attempt => attempt.Ended == reason);

        public Entries Begin(DateTimeOffset now, ProcessPlace here) => this with { Attempts = [.. Attempts, new Attempt(now, null, null) { Place = here }] };

        public Entries End(string how, string? message) => this with { Attempts = [.. Attempts.SkipLast(1), Attempts[^1] with { Ended = how, Message = message }] };
    }

    /// <param name="Begun">When it began.</param>
    /// <param name="Ended">A reason of <see cref="FaultReason"/>, <see cref="Returned"/>, <see cref="Succeeded"/>, or null while it runs.</param>
    /// <param name="Message">One sentence.</param>
    internal sealed record Attempt(DateTimeOffset Begun, string? Ended, string? Message)
    {
        public const string Returned = "returned";
        public const string Succeeded = "succeeded";

        /// <summary>The process that made it; null in a log of an earlier version.</summary>
        public ProcessPlace? Place { get; init; }
    }
}

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
