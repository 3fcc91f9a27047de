namespace Sana.Workflows.Contract;

/// <summary>How often a failing step is tried and how long is waited between two attempts.</summary>
public sealed record StepRetry
{
    /// <value>Attempts in all, the first included, 1…1000. Default 3.</value>
    public int MaxAttempts
    {
        get;
        init => field = value is >= 1 and <= 1000
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxAttempts), value, $"MaxAttempts {value} is outside 1…1000.");
    } = 3;

    /// <value>Wait before the second attempt, more than zero. Default 1 second.</value>
    public TimeSpan FirstInterval
    {
        get;
        init => field = value > TimeSpan.Zero
            ? value
            : throw new ArgumentOutOfRangeException(nameof(FirstInterval), value, $"FirstInterval {value} must be more than zero.");
    } = TimeSpan.FromSeconds(1);

    /// <value>What each further wait is multiplied by, 1…100. Default 2.</value>
    public double Backoff
    {
        get;
        init => field = value is >= 1 and <= 100
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Backoff), value, $"Backoff {value} is outside 1…100.");
    } = 2;

    /// <value>No wait is longer, jitter aside; more than zero. Default 5 minutes.</value>
    public TimeSpan MaxInterval
    {
        get;
        init => field = value > TimeSpan.Zero
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxInterval), value, $"MaxInterval {value} must be more than zero.");
    } = TimeSpan.FromMinutes(5);

    /// <value>Full names of exception types that another attempt cannot cure. Default none.</value>
    public IReadOnlyList<string> ExceptFor { get; init; } = [];

    /// <summary>The wait after the given failed attempt (1 is the first), without jitter.</summary>
    public TimeSpan After(int attempt) =>
        TimeSpan.FromTicks((long)Math.Min(FirstInterval.Ticks * Math.Pow(Backoff, attempt - 1), MaxInterval.Ticks));

    /// <summary>Whether the given failed attempt is followed by another.</summary>
    public bool Allows(int attempt, string errorType) => attempt < MaxAttempts && !ExceptFor.Contains(errorType);
}
