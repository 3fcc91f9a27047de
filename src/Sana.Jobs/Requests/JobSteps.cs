using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

namespace Sana.Jobs.Requests;

/// <summary>The steps of requested jobs and of their webhooks.</summary>
/// <param name="blobs">Where messages and results are.</param>
/// <param name="queue">The queue to the worker.</param>
/// <param name="http">The only way to a webhook.</param>
/// <param name="secrets">What webhooks are signed with, by name.</param>
/// <param name="clock">Time stamps of results and webhooks.</param>
public sealed class JobSteps(IBlobs blobs, IJobQueue queue, GuardedHttp http, IReadOnlyDictionary<string, byte[]> secrets, TimeProvider clock)
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly TimeSpan WebhookDeadline = TimeSpan.FromSeconds(15);

    /// <summary>Adds the two orchestrations and their activities.</summary>
    /// <param name="tasks">Where to.</param>
    /// <param name="client">Starts deliveries.</param>
    public void AddTo(TaskRegistry tasks, WorkflowClient client)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        tasks
            .AddOrchestrator<RunJob>()
            .AddOrchestrator<DeliverWebhook>()
            .Add(RequestedJobs.SendJob, Send)
            .Add(RequestedJobs.ReadJobEnd, async (id, cancellation) => await Result(id, cancellation) is { } result ? new JobEnd(id, result.Status) : null)
            .Add(RequestedJobs.GiveUpJob, GiveUp)
            .Add(RequestedJobs.StartDelivery, async (message, _) => (await client.Start(DeliverWebhook.Workflow, message, message.Instance)).IsNew)
            .Add(RequestedJobs.PostWebhook, PostOnce);
    }

    private async Task<bool> Send(JobSend send, CancellationToken cancellationToken)
    {
        // The end may have come before the journal heard of the sending, or the id is an old one whose instance was forgotten.
        if (await Result(send.JobId, cancellationToken) is not null)
            return false;
        var bytes = await blobs.Read(send.Message, cancellationToken) ?? throw new SanaException($"The message {send.Message} is not there any more.");
        var message = JobMessage.Parse(Encoding.UTF8.GetString(bytes));
        // The webhook is this side's: a worker that knows of it would tell twice.
        await queue.Send(message with { Callback = null, Reply = new JobReply(send.ReplyTo, RequestedJobs.Ended) }, cancellationToken: cancellationToken);
        return true;
    }

    private async Task<JobEnd> GiveUp(JobGivenUp given, CancellationToken cancellationToken)
    {
        var result = new JobResult
        {
            JobId = given.JobId,
            IdempotencyKey = given.JobId,
            RequestSha256 = given.RequestSha256,
            Status = given.Status,
            Error = new JobError(given.Code, given.Reason, given.Code == FaultReason.Timeout, 0),
            Round = given.Round,
            CompletedAt = clock.GetUtcNow(),
        };
        var name = RequestedJobs.Result(given.JobId);
        if (!await blobs.PutIfAbsent(name, result.ToJson(), cancellationToken) && (await Result(given.JobId, cancellationToken))!.Round < given.Round)
            await blobs.Put(name, result.ToJson(), cancellationToken);
        return new JobEnd(given.JobId, (await Result(given.JobId, cancellationToken))!.Status);
    }

    private async Task<bool> PostOnce(WebhookMessage message, CancellationToken cancellationToken)
    {
        var result = await Result(message.JobId, cancellationToken) ?? throw new SanaException($"Job {message.JobId} has no result to tell of.");
        var key = secrets.GetValueOrDefault(message.Target.Secret)
            ?? throw new SanaException($"The webhook secret '{message.Target.Secret}' is not configured any more; put it back into sana.json.");
        var body = Body(message.Type, result);
        using var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = new("application/json");
        var status = await http.Post(
            message.Target.Url, content, WebhookSignature.Headers(message.Id, clock.GetUtcNow(), body, key), WebhookDeadline, cancellationToken);
        // 410 is the receiver's word for "never again".
        return (int)status is >= 200 and < 300 or 410 ? true : throw new HttpRequestException($"The webhook's receiver answered {(int)status}.", null, status);
    }

    private async Task<JobResult?> Result(string id, CancellationToken cancellationToken) =>
        await blobs.Read(RequestedJobs.Result(id), cancellationToken) is { } bytes ? JobResult.Parse(bytes) : null;

    private static byte[] Body(string type, JobResult result) => Encoding.UTF8.GetBytes(
        new JsonObject { ["type"] = type, ["timestamp"] = result.CompletedAt, ["data"] = JsonNode.Parse(result.ToJson()) }.ToJsonString(_readable));
}

/// <summary>The headers of a signed webhook, as the Standard Webhooks specification has them: HMAC-SHA256 over <c>id.timestamp.body</c>.</summary>
public static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>The key of a secret: base64, with or without <c>whsec_</c> before it.</summary>
    /// <exception cref="SanaException">It is not base64 of 24…64 bytes.</exception>
    public static byte[] Key(string secret)
    {
        var text = secret.StartsWith(Prefix, StringComparison.Ordinal) ? secret[Prefix.Length..] : secret;
        var key = new byte[text.Length];
        return Convert.TryFromBase64String(text, key, out var length) && length is >= 24 and <= 64
            ? key[..length]
            : throw new SanaException("The webhook secret is not base64 of 24…64 bytes, such as whsec_ and the output of: openssl rand -base64 32");
    }

    /// <summary>The three headers.</summary>
    /// <param name="id">The same for every delivery of one message, so that a receiver can tell a repeat.</param>
    /// <param name="sent">When this delivery is sent; receivers refuse old ones.</param>
    /// <param name="body">The bytes that are sent.</param>
    /// <param name="key">From <see cref="Key"/>.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> Headers(string id, DateTimeOffset sent, ReadOnlySpan<byte> body, byte[] key)
    {
        var timestamp = sent.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hmac.AppendData(Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        hmac.AppendData(body);
        return
        [
            new("webhook-id", id),
            new("webhook-timestamp", timestamp),
            new("webhook-signature", "v1," + Convert.ToBase64String(hmac.GetHashAndReset())),
        ];
    }
}
