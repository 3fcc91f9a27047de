using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

// Bodies of the native API, snake_case. The parts of a job are those of the queue message: who knows one knows the other.

/// <summary>Asks for a job: <c>POST /v1/jobs</c>, <c>PUT /v1/jobs/{id}</c>.</summary>
/// <param name="Input">What to draw; only <c>prompt</c> is needed.</param>
public sealed record JobRequest(JobInput Input)
{
    /// <value>Format and quality. Default PNG.</value>
    public JobOutput? Output { get; init; }

    /// <value>Who is told by HTTP when it has ended.</value>
    public JobCallback? Callback { get; init; }

    /// <value>0…9; higher goes first. Default 5.</value>
    public int Priority { get; init; } = 5;

    /// <value>Not begun after this time. Default never.</value>
    public DateTimeOffset? NotAfter { get; init; }

    /// <value>How long and how often it may be tried.</value>
    public JobLimits? Limits { get; init; }
}

/// <summary>A job as it stands.</summary>
public sealed record JobView
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>One of <see cref="JobStatus"/>.</summary>
    public required string Status { get; init; }

    /// <summary>What is drawn, with every default that the checkpoint decides filled in where it is known.</summary>
    public required JobInput Input { get; init; }

    /// <summary>Format and quality.</summary>
    public required JobOutput Output { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <value>When the last attempt began.</value>
    public DateTimeOffset? StartedAt { get; init; }

    /// <value>When it ended.</value>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <value>How often it was begun; null before its end.</value>
    public int? Attempts { get; init; }

    /// <value>The images, once there are some.</value>
    public IReadOnlyList<ImageView>? Images { get; init; }

    /// <value>Milliseconds of each stage.</value>
    public JobTimings? Timings { get; init; }

    /// <value>Why it failed.</value>
    public JobError? Error { get; init; }

    /// <summary>Where this is found again.</summary>
    public required string Url { get; init; }
}

/// <summary>One image of a job.</summary>
public sealed record ImageView(int Index, ulong Seed, string? Blob, string? Url, string? Sha256, long Bytes, int Width, int Height, IReadOnlyList<string> Flags, string? Reason)
{
    /// <inheritdoc cref="JobImage.RevisedPrompt"/>
    public string? RevisedPrompt { get; init; }

    /// <inheritdoc cref="JobImage.Scores"/>
    public IReadOnlyList<ImageScore>? Scores { get; init; }
}

/// <summary>A page of jobs, newest first.</summary>
public sealed record JobPage(IReadOnlyList<JobLine> Jobs);

/// <summary>A job in a list.</summary>
public sealed record JobLine(string Id, string Status, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, string Url);
