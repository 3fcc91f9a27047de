using System.Diagnostics;
using static TorchSharp.torch;

namespace TinySana.Torch;

/// <summary>The training of one network, which may be cut at any time: it goes on from the last checkpoint as if it had not been.</summary>
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

    /// <param name="folder">Where checkpoint and log are, or will be.</param>
    /// <param name="network">Holds the initial weights, or gets those of the checkpoint.</param>
    /// <param name="options">Those of the run that left the checkpoint, if there is one.</param>
    public TrainingRun(string folder, nn.Module network, TrainingOptions options)
    {
        Directory.CreateDirectory(folder);
        (_folder, _options, _parameters) = (folder, options, new FlatParameters(network));
        (_optimizer, _average) = (new AdamW(_parameters, options), _parameters.Values.clone().DetachFromDisposeScope());
        _checkpoint = Path.Combine(folder, "checkpoint.safetensors");
        if (File.Exists(_checkpoint))
            Resume();
    }

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    private (string Name, Tensor Value)[] State =>
        [("weights", _parameters.Values), ("first_moment", _optimizer.FirstMoment), ("second_moment", _optimizer.SecondMoment), ("average", _average)];

    /// <summary>Does the steps that are left.</summary>
    /// <param name="loss">
    /// The loss of a step, as a graph, from the step's number alone. Torch's generator is seeded before each call, so random numbers are those of the step too.
    /// </param>
    /// <param name="atCheckpoint">Called after each checkpoint, with the steps done.</param>
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

    /// <summary>Puts the averaged weights into the network, for its export: training does not go on from them.</summary>
    public void UseEma()
    {
        using var noGradient = no_grad();
        _parameters.Values.copy_(_average);
    }

    /// <summary>Does something with the averaged weights in the network, then puts back those that training goes on from.</summary>
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
