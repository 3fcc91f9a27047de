namespace Sana.Jobs.Queue;

/// <summary>
/// A queue of jobs with at-least-once delivery: who takes a message holds it for a time and completes, abandons or dead-letters it; one that is none of these comes back by itself.
/// </summary>
public interface IJobQueue
{
    /// <summary>The queue's name, a-z, 0-9 and hyphens: part of blob names.</summary>
    string Name { get; }

    /// <summary>Puts a job at the end of its priority.</summary>
    /// <param name="job">A body over the queue's limit goes into a blob.</param>
    /// <param name="delay">Not to be seen before. Default at once.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <returns>False when a job of this id is in the queue already, where the queue can tell.</returns>
    Task<bool> Send(JobMessage job, TimeSpan delay = default, CancellationToken cancellationToken = default);

    /// <summary>Takes the next message, unseen by others for <paramref name="visibility"/>; null when there is none now.</summary>
    Task<QueuedJob?> Receive(TimeSpan visibility, CancellationToken cancellationToken = default);

    /// <summary>Holds a message for another <paramref name="visibility"/>, counted from now.</summary>
    /// <returns>False when the hold was lost: somebody else may have it.</returns>
    Task<bool> Renew(QueuedJob job, TimeSpan visibility, CancellationToken cancellationToken = default);

    /// <summary>Removes a message that is done.</summary>
    /// <returns>False when the hold was lost.</returns>
    Task<bool> Complete(QueuedJob job, CancellationToken cancellationToken = default);

    /// <summary>Returns a message to be seen again after <paramref name="delay"/>.</summary>
    /// <param name="job">A message that is held.</param>
    /// <param name="delay">Not to be seen before.</param>
    /// <param name="note">Why, and whether it goes behind all others, where the queue can keep that. Default nothing.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <returns>False when the hold was lost.</returns>
    Task<bool> Abandon(QueuedJob job, TimeSpan delay, ReturnNote? note = null, CancellationToken cancellationToken = default);

    /// <summary>Moves a message to the dead letters.</summary>
    /// <returns>False when the hold was lost.</returns>
    Task<bool> DeadLetter(QueuedJob job, string reason, string message, CancellationToken cancellationToken = default);

    /// <summary>How many messages wait, are held, and are dead. Azure counts held ones as waiting.</summary>
    Task<QueueCounts> Count(CancellationToken cancellationToken = default);

    /// <summary>The first messages that wait, without taking them, 1…32.</summary>
    Task<IReadOnlyList<QueuedJob>> Peek(int most, CancellationToken cancellationToken = default);

    /// <summary>The first dead letters, 1…32, without taking them.</summary>
    Task<IReadOnlyList<DeadJob>> Dead(int most, CancellationToken cancellationToken = default);

    /// <summary>Puts a dead letter back, or all of them.</summary>
    /// <param name="id">A <see cref="DeadJob.Id"/>; null for all.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <returns>How many were put back.</returns>
    Task<int> Requeue(string? id, CancellationToken cancellationToken = default);

    /// <summary>Removes dead letters from before the given time; returns how many.</summary>
    Task<int> PurgeDead(DateTimeOffset before, CancellationToken cancellationToken = default);
}

/// <summary>A message as the queue gives it. The body may be anything: the worker reads it.</summary>
public sealed class QueuedJob
{
    /// <value>The queue's own id of the message.</value>
    public required string Id { get; init; }

    /// <value>Proves the hold; the newest one counts, so the queue changes it at each renewal.</value>
    public required string Receipt { get; set; }

    /// <value>The text, as it was sent or decoded from Base64.</value>
    public required string Body { get; init; }

    /// <value>How often it was taken, 1…; 0 when it was only looked at.</value>
    public required int Deliveries { get; init; }

    /// <value>When it was sent, UTC.</value>
    public required DateTimeOffset Sent { get; init; }

    /// <value>Why it last came back, one of <see cref="FaultReason"/>, where the queue keeps that and the message was only looked at. Default null.</value>
    public string? Reason { get; init; }

    /// <value>The sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }
}

/// <summary>Why a message goes back.</summary>
/// <param name="Reason">One of <see cref="FaultReason"/>, or null.</param>
/// <param name="Message">One sentence, or null.</param>
/// <param name="GoesLast">It is seen again when nothing else waits. A queue without priorities puts it behind what waits now.</param>
public sealed record ReturnNote(string? Reason, string? Message, bool GoesLast = false);

/// <summary>A dead letter.</summary>
/// <param name="Id">The queue's own id of it.</param>
/// <param name="Body">The text.</param>
/// <param name="Reason">One of <see cref="FaultReason"/>; null when another program moved it there.</param>
/// <param name="Message">One sentence; null when another program moved it there.</param>
/// <param name="Buried">When, UTC.</param>
public sealed record DeadJob(string Id, string Body, string? Reason, string? Message, DateTimeOffset Buried);

/// <summary>How many messages wait, are held by a worker, and are dead.</summary>
public readonly record struct QueueCounts(long Waiting, long Held, long Dead);
