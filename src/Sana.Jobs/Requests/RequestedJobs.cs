using System.Text.Json.Serialization;
using Sana.Jobs.Durable;
using Sana.Storage;

namespace Sana.Jobs.Requests;

// A job that somebody asked for by HTTP: one message on the queue, followed to its end by an instance of its own.

/// <summary>Starts the following of one job. The message itself is a blob.</summary>
/// <param name="JobId">The job's id; the instance is <see cref="RequestedJobs.Instance"/>.</param>
/// <param name="Message">Name of the blob that holds the queue message.</param>
/// <param name="Sha256">Of what was asked for: the same id with another hash is another job.</param>
/// <param name="Images">How many images it makes.</param>
/// <param name="DeadlineSeconds">From being asked for to being given up.</param>
/// <param name="Webhook">Who is told when it has ended; null for nobody.</param>
public sealed record JobTicket(string JobId, string Message, string Sha256, int Images, int DeadlineSeconds, WebhookTarget? Webhook = null)
{
    /// <value>How often its dead letter was put back by hand; then its message is on the queue already. Default 0.</value>
    public int Round { get; init; }
}

/// <summary>Puts the message on the queue; <paramref name="ReplyTo"/> is the instance that waits for its end.</summary>
public sealed record JobSend(string JobId, string Message, string ReplyTo);

/// <summary>Writes the result of a job that no worker ended.</summary>
public sealed record JobGivenUp(string JobId, string Status, string Code, string Reason, string? RequestSha256 = null)
{
    /// <value>Of the job; the result of an earlier round is replaced. Default 0.</value>
    public int Round { get; init; }
}

/// <summary>How a job ended: <c>succeeded</c>, <c>failed</c> or <c>canceled</c>. The result document says the rest.</summary>
public sealed record JobEnd(string JobId, string Status);

/// <summary>Where a webhook goes.</summary>
/// <param name="Url">Checked when it was given and again when it is connected.</param>
/// <param name="Secret">Name of the secret that signs it; the secret itself never enters a history.</param>
/// <param name="Events">Which ends it wants to hear of; null for every one.</param>
public sealed record WebhookTarget(string Url, string Secret, IReadOnlyList<string>? Events = null)
{
    /// <summary>Whether an end of this status is to be told: <c>completed</c> is any end.</summary>
    public bool Wants(string status) => Events is null || Events.Contains(status) || Events.Contains("completed");
}

/// <summary>One webhook message to deliver. Its body follows from the job's result document.</summary>
/// <param name="Id">The same for every attempt.</param>
/// <param name="Target">Where to.</param>
/// <param name="Type">What happened, such as <c>job.completed</c>.</param>
/// <param name="JobId">To which job.</param>
public sealed record WebhookMessage(string Id, WebhookTarget Target, string Type, string JobId)
{
    /// <summary>The message about the end of a job. Each round that was put back by hand is told of anew.</summary>
    public static WebhookMessage Of(string jobId, int round, WebhookTarget target, string status) =>
        new(round == 0 ? $"msg_{jobId}" : $"msg_{jobId}.{round}", target, $"job.{status}", jobId);

    /// <summary>The instance that delivers it; an id that is too long for one is hashed.</summary>
    [JsonIgnore]
    public string Instance => $"webhook-{(Id.Length <= 80 ? Id["msg_".Length..] : Digest.Sha256(Id))}";
}

/// <summary>Names of the orchestrations and activities of requested jobs.</summary>
public static class RequestedJobs
{
    /// <summary>Puts a job on the queue; false when it has its result already.</summary>
    public static readonly Activity<JobSend, bool> SendJob = new(nameof(SendJob));

    /// <summary>How a job ended by its result document; null while there is none.</summary>
    public static readonly Activity<string, JobEnd?> ReadJobEnd = new(nameof(ReadJobEnd));

    /// <summary>Writes the result of a job that no worker ended, unless one did after all.</summary>
    public static readonly Activity<JobGivenUp, JobEnd> GiveUpJob = new(nameof(GiveUpJob));

    /// <summary>Starts the delivery of a webhook and does not wait for it.</summary>
    public static readonly Activity<WebhookMessage, bool> StartDelivery = new(nameof(StartDelivery));

    /// <summary>Sends a webhook once.</summary>
    public static readonly Activity<WebhookMessage, bool> PostWebhook = new(nameof(PostWebhook));

    /// <summary>The event that ends the wait for a job.</summary>
    public const string Ended = "ended";

    /// <summary>The instance that follows a job.</summary>
    public static string Instance(string jobId) => $"job-{jobId}";

    /// <summary>The result document of a job.</summary>
    public static string Result(string jobId) => $"results/{jobId}.json";

    /// <summary>The message of a job. What was asked for is part of the name: of two requests that race for one id, each writes its own.</summary>
    public static string Message(string jobId, string sha256) => $"work/jobs/{jobId}-{sha256[..16]}.json";

    /// <summary>The job of a <see cref="Message"/>; null when the name is none.</summary>
    public static string? OfMessage(string name)
    {
        const int Tail = 22; // a hyphen, 16 digits and .json
        const string Folder = "work/jobs/";
        return name.StartsWith(Folder, StringComparison.Ordinal) && name.Length > Folder.Length + Tail && name[^Tail] == '-' ? name[Folder.Length..^Tail] : null;
    }
}
