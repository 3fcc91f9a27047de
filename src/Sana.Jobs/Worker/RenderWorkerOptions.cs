namespace Sana.Jobs.Worker;

/// <summary>How a worker treats its messages.</summary>
public sealed record RenderWorkerOptions
{
    /// <value>How long a message is held without a sign of life, 1 second…1 day; renewed at a third of it. Default 60 seconds.</value>
    public TimeSpan Visibility
    {
        get;
        init => field = value >= TimeSpan.FromSeconds(1) && value <= TimeSpan.FromDays(1)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Visibility), value, $"Visibility {value} is outside 1 second…1 day.");
    } = TimeSpan.FromSeconds(60);

    /// <value>How often an empty queue is asked, more than zero. Default 100 milliseconds.</value>
    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <value>How long a render may take to end when the worker is to stop; after that its message is returned. Default 20 seconds.</value>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(20);

    /// <value>Wait before the second attempt at a message; each further one is twice as long, up to 5 minutes. More than zero. Default 1 second.</value>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The wait after the given failed attempt; 1 is the first.</summary>
    public TimeSpan DelayAfter(int attempt) => TimeSpan.FromTicks((long)Math.Min(RetryDelay.Ticks * Math.Pow(2, attempt - 1), TimeSpan.FromMinutes(5).Ticks));

    /// <value>How often the runtime may break under one job before it is given up, 1…1000. Default 2.</value>
    public int MaxEngineDeaths { get; init; } = 2;

    /// <value>
    /// How often a process may die while it renders one job before the job is given up, 1…1000: it may be the job, or somebody who killed the process. A process
    /// that was told to stop and a machine that was started again do not count. From the second death on the job is tried when nothing else waits. Default 5.
    /// </value>
    public int MaxProcessDeaths { get; init; } = 5;

    /// <value>How often a render asks whether somebody still waits, more than zero; a cancel in the same process is heard at once. Default 1 second.</value>
    public TimeSpan AskEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <value>Images that one job from outside may ask for, 1…10,000. Default 64.</value>
    public int MaxImages { get; init; } = 64;

    /// <value>Pixels of one image of a job from outside. Default 4096×4096.</value>
    public long MaxPixels { get; init; } = 4096 * 4096;

    /// <value>Images of a job from outside that are rendered together, 1…64. Default 4.</value>
    public int BatchSize { get; init; } = 4;

    /// <value>Makes a small image before the first message is taken. Not for a command that ends after its last image. Default true.</value>
    public bool WarmsUp { get; init; } = true;

    /// <value>What the networks run on, for records. Default cpu.</value>
    public string Device { get; init; } = "cpu";
}
