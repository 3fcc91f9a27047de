using System.Diagnostics;
using System.Globalization;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>The training of one network. It may be interrupted at any time and then continues from its last checkpoint with the same result.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const double LastRate = 0.02;
    private const int LogEvery = 20;

    private readonly TrainingOptions _options;
    private readonly FlatParameters _parameters;
    private readonly AdamW _optimizer;
    private readonly Tensor _average;
    private readonly string _checkpoint;
    private readonly string _folder;

    /// <param name="folder">The folder of checkpoint and log; it is created.</param>
    /// <param name="network">Its weights are the initial ones; a checkpoint replaces them.</param>
    /// <param name="options">Must be those of the run that wrote the checkpoint, if there is one.</param>
    public TrainingRun(string folder, nn.Module network, TrainingOptions options)
    {
        Directory.CreateDirectory(folder);
        (_folder, _options, _parameters) = (folder, options, new FlatParameters(network));
        (_optimizer, _average) = (new AdamW(_parameters, options), _parameters.Values.clone().DetachFromDisposeScope());
        _checkpoint = Path.Combine(folder, "checkpoint.safetensors");
        if (File.Exists(_checkpoint))
            Resume();
    }

    /// <summary>Number of completed steps.</summary>
    public int Step { get; private set; }

    private (string Name, Tensor Value)[] State =>
        [("weights", _parameters.Values), ("first_moment", _optimizer.FirstMoment), ("second_moment", _optimizer.SecondMoment), ("average", _average)];

    /// <summary>Does the remaining steps.</summary>
    /// <param name="loss">The loss of a step. It must depend on the step's number only; torch's generator is seeded before each call.</param>
    /// <param name="atCheckpoint">Called after each checkpoint with the number of completed steps.</param>
    public void Train(Func<int, Tensor> loss, Action<int>? atCheckpoint = null)
    {
        using var log = new LossLog(Path.Combine(_folder, "loss.csv"), Step);
        var (clock, sum, since) = (Stopwatch.StartNew(), 0.0, 0);
        while (Step < _options.Steps)
        {
            using var scope = NewDisposeScope();
            manual_seed((long)((_options.Seed << 32) + (ulong)Step));
            var (value, rate) = (loss(Step), LearningRate(Step));
            _parameters.Gradients.zero_();
            value.backward();
            var norm = _optimizer.Step(Step, rate);
            using (no_grad())
                _average.lerp_(_parameters.Values, 1 - Math.Min(_options.EmaDecay, (1.0 + Step) / (10.0 + Step)));

            Step++;
            (sum, since) = (sum + value.item<float>(), since + 1);
            if (Step % LogEvery == 0 || Step == _options.Steps)
            {
                log.Write(Step, sum / since, norm, rate, clock.Elapsed.TotalSeconds / since);
                (sum, since) = (0, 0);
                clock.Restart();
            }

            if (Step % _options.CheckpointEvery == 0 || Step == _options.Steps)
            {
                Save();
                atCheckpoint?.Invoke(Step);
            }
        }
    }

    /// <summary>Replaces the network's weights by their averages, for export. Training must not continue from them.</summary>
    public void UseEma()
    {
        using var noGradient = no_grad();
        _parameters.Values.copy_(_average);
    }

    /// <summary>Runs an action on the averaged weights and then restores the weights that training continues from.</summary>
    public void WithEma(Action action)
    {
        using var kept = _parameters.Values.clone();
        UseEma();
        action();
        using var noGradient = no_grad();
        _parameters.Values.copy_(kept);
    }

    public void Dispose()
    {
        _average.Dispose();
        _optimizer.Dispose();
        _parameters.Dispose();
    }

    private double LearningRate(int step)
    {
        var cosine = 0.5 * (1 + Math.Cos(Math.PI * step / _options.Steps));
        return _options.LearningRate * Math.Min(1, (step + 1.0) / _options.WarmUp) * (LastRate + ((1 - LastRate) * cosine));
    }

    private void Save()
    {
        using var step = tensor((long)Step);
        SafetensorsFile.Save(_checkpoint, [.. State, ("step", step)], half: false);
    }

    private void Resume()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var saved = SafetensorsFile.Load(_checkpoint);
        foreach (var (name, value) in State)
        {
            if (saved[name].numel() != value.numel())
                throw new InvalidDataException($"{_checkpoint} is of a network with {saved[name].numel()} parameters, this one has {value.numel()}: remove it to start afresh.");
            value.copy_(saved[name]);
        }

        Step = (int)saved["step"].item<long>();
    }
}

/// <summary>The log of a training: a CSV file, also printed to the console.</summary>
internal sealed class LossLog : IDisposable
{
    private const string Header = "step,loss,gradient_norm,learning_rate,seconds_per_step";

    private readonly StreamWriter _file;

    /// <param name="path">An existing file keeps its lines up to <paramref name="step"/>.</param>
    /// <param name="step">Number of completed steps.</param>
    public LossLog(string path, int step)
    {
        string[] kept = File.Exists(path)
            ? [.. File.ReadLines(path).Skip(1).Where(line => int.TryParse(line.Split(',')[0], CultureInfo.InvariantCulture, out var at) && at <= step)]
            : [];
        File.WriteAllLines(path, [Header, .. kept]);
        _file = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    public void Write(int step, double loss, double norm, double rate, double seconds)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{step},{loss:g6},{norm:g4},{rate:g4},{seconds:g4}");
        _file.WriteLine(line);
        Console.WriteLine(line);
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Settings of a training.</summary>
internal sealed record TrainingOptions
{
    /// <summary>Total number of steps.</summary>
    public required int Steps { get; init; }

    /// <summary>Examples in a step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Greatest learning rate. After the warm-up it falls along a cosine to a fiftieth of this. Default 0.001.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps in which the learning rate rises from 0. Default 200.</summary>
    public int WarmUp { get; init; } = 200;

    /// <summary>Weight decay. Biases and norms do not decay. Default 0.01.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Decay of the mean of the squared gradients, 0.9 to 0.9999. Default 0.99.</summary>
    public double SecondMomentDecay { get; init; } = 0.99;

    /// <summary>Decay of the averaged weights, 0 to 1; less in the first steps. Default 0.999.</summary>
    public double EmaDecay { get; init; } = 0.999;

    /// <summary>Greatest norm of the gradient of all weights. Default 1.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Steps between checkpoints. Default 500.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Seed of the data and of all random numbers of a step.</summary>
    public ulong Seed { get; init; } = 1;
}
