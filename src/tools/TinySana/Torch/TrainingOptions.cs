namespace TinySana.Torch;

/// <summary>How one network is trained.</summary>
internal sealed record TrainingOptions
{
    /// <summary>Steps of the optimiser in all.</summary>
    public required int Steps { get; init; }

    /// <summary>Examples in a step; for the recipe's own use.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Peak of the learning rate, which falls along a cosine to a fiftieth of it. Default 0.001.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps in which the learning rate rises from zero. Default 200.</summary>
    public int WarmUp { get; init; } = 200;

    /// <summary>Share of a weight that decays in a step of learning rate 1; vectors (biases, norms) do not decay. Default 0.01.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Decay of the running mean of the squared gradients, 0.9…0.9999. Default 0.99.</summary>
    public double SecondMomentDecay { get; init; } = 0.99;

    /// <summary>How much of the averaged weights stays in a step, 0…1; less in the first steps. Default 0.999.</summary>
    public double EmaDecay { get; init; } = 0.999;

    /// <summary>Greatest norm of the gradient of all weights together. Default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Steps between two checkpoints. Default 500.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Of the data and of every random number in a step.</summary>
    public ulong Seed { get; init; } = 1;
}
