namespace Sana.Jobs.Worker;

/// <summary>Where a worker stands. It takes messages in <see cref="Warm"/> only.</summary>
public enum WorkerState
{
    /// <summary>Loads the networks.</summary>
    Loading,

    /// <summary>The networks are loaded; the first image, which is slow, is being made.</summary>
    Ready,

    /// <summary>Takes messages.</summary>
    Warm,

    /// <summary>Ends what it renders, or returns it, and takes nothing more.</summary>
    Draining,

    /// <summary>Ended.</summary>
    Stopped,

    /// <summary>The networks cannot be loaded.</summary>
    Broken,
}
