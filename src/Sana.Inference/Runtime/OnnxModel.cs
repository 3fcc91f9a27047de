using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Runtime;

/// <summary>A loaded ONNX graph. The names of its inputs and outputs are agreed with the graph builder and are checked here. A run that is on when it is disposed goes on to its end.</summary>
internal sealed class OnnxModel : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string _source;

    private readonly UseCount _uses;

    private OnnxModel(string source, InferenceSession session, OnnxModelOptions options)
    {
        (_source, _session) = (source, session);
        _uses = new UseCount(() =>
        {
            if (options.Profile is not null)
                session.EndProfiling();
            session.Dispose();
        });
    }

    /// <summary>What the graph builder wrote into the graph about its checkpoint.</summary>
    public GraphMetadata Metadata => new(_source, _session.ModelMetadata.CustomMetadataMap);
    public IReadOnlyList<string> Inputs => _session.InputNames;
    public IReadOnlyList<string> Outputs => _session.OutputNames;

    /// <summary>Inputs that have a value where a run does not give them.</summary>
    public IReadOnlyCollection<string> Optional => [.. _session.OverridableInitializerMetadata.Keys];

    /// <summary>Loads a graph from a file.</summary>
    /// <param name="file">The graph.</param>
    /// <param name="options">Device, threads, memory.</param>
    /// <param name="contract">Names of inputs and outputs that the graph must have.</param>
    /// <exception cref="InferenceException">The file is missing, unreadable or lacks an input or output, or the device is not there.</exception>
    public static OnnxModel Load(string file, OnnxModelOptions options, params ReadOnlySpan<string> contract)
    {
        if (!File.Exists(file))
            throw new InferenceException($"{file} is missing; run `sana build` on the checkpoint.");

        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var network = HasLinkedWeights(folder) ? Load(ReadGraph(file), folder, options) : Open(file, options);
        foreach (var name in contract)
        {
            if (!network.Inputs.Contains(name) && !network.Outputs.Contains(name))
            {
                network.Dispose();
                throw new InferenceException($"{file} has no input or output '{name}'; it was not built for this program. Run `sana build --force` on the checkpoint.");
            }
        }

        return network;
    }

    /// <summary>Loads a graph from memory. Its weights are in <paramref name="folder"/>.</summary>
    public static OnnxModel Load(byte[] graph, string folder, OnnxModelOptions options)
    {
        // ONNX Runtime resolves links and opens no file outside the folder it is given. Where the weights are links, as in the Hugging Face cache, a graph names its files from the root.
        var weightsFolder = HasLinkedWeights(folder) ? "/" : folder;
        using var session = SessionOptionsOf(options);
        session.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", weightsFolder);
        return new OnnxModel(folder, Open(() => new InferenceSession(graph, session), folder), options);
    }

    /// <summary>Shape of an input as the graph states it; −1 where it is not fixed.</summary>
    public int[] ShapeOf(string input) => _session.InputMetadata[input].Dimensions;

    /// <summary>Whether an input or output is a tensor of float32.</summary>
    public bool IsFloat(string name) => (_session.InputMetadata.TryGetValue(name, out var value) || _session.OutputMetadata.TryGetValue(name, out value)) && value.IsTensor && value.ElementType == typeof(float);

    /// <summary>Last size of an output as the graph states it; −1 where it is not fixed.</summary>
    public int WidthOf(string output) => _session.OutputMetadata[output].Dimensions[^1];

    /// <summary>Runs the graph. The caller owns inputs and outputs.</summary>
    /// <exception cref="OperationCanceledException">It was told to end.</exception>
    /// <exception cref="ObjectDisposedException">The graph was disposed before.</exception>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyList<(string Name, OrtValue Value)> inputs, IReadOnlyCollection<string> outputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var use = _uses.Hold(this);
        using var run = new RunOptions();
        using var cancel = cancellationToken.Register(() => run.Terminate = true); // stops between two nodes of the graph
        try
        {
            return _session.Run(run, [.. inputs.Select(i => i.Name)], [.. inputs.Select(i => i.Value)], outputs);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    public void Dispose() => _uses.Dispose();

    private static bool HasLinkedWeights(string folder) =>
        Directory.EnumerateFiles(folder, "*.safetensors").Any(file => new FileInfo(file).LinkTarget is not null);

    private static byte[] ReadGraph(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private static OnnxModel Open(string file, OnnxModelOptions options)
    {
        using var session = SessionOptionsOf(options);
        return new OnnxModel(file, Open(() => new InferenceSession(file, session), file), options);
    }

    private static InferenceSession Open(Func<InferenceSession> open, string source)
    {
        try
        {
            return open();
        }
        catch (OnnxRuntimeException exception)
        {
            throw new InferenceException($"{source} cannot be loaded: {exception.Message.ReplaceLineEndings(" ")} Run `sana build --force` on the checkpoint.", exception);
        }
    }

    private static SessionOptions SessionOptionsOf(OnnxModelOptions options)
    {
        var session = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = options.Threads,
            InterOpNumThreads = 1, // nodes run one after the other; threads share the work inside a node
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            EnableCpuMemArena = options.KeepMemory,
            EnableMemoryPattern = options.KeepMemory,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        if (options.Profile is { } profile)
        {
            session.ProfileOutputPathPrefix = profile;
            session.EnableProfiling = true; // reads the prefix
        }

        options.Device.AppendTo(session);
        return session;
    }
}

/// <summary>How a network is loaded.</summary>
/// <param name="Device">Where it runs.</param>
/// <param name="Threads">Threads for one node, 0…1024; 0 takes every core.</param>
/// <param name="KeepMemory">Keep the memory of activations between runs: faster for a graph that runs many times, a waste for one that runs once.</param>
internal sealed record OnnxModelOptions(Device Device, int Threads, bool KeepMemory)
{
    /// <value>Where ONNX Runtime writes the time of every node when the network is disposed: the beginning of a file's path. Default nowhere.</value>
    public string? Profile { get; init; }

    public int Threads { get; } = Threads is >= 0 and <= 1024 ? Threads : throw new InferenceException($"Threads {Threads} is not in 0…1024; use 0 for every core.");
}

/// <summary>What the graph builder read from a checkpoint's configs and wrote into a graph.</summary>
/// <param name="source">How messages name the graph.</param>
/// <param name="values">By key.</param>
internal readonly struct GraphMetadata(string source, IReadOnlyDictionary<string, string> values)
{
    public IEnumerable<string> Keys => values.Keys;

    /// <exception cref="InferenceException">The key is missing: the graph is of another version.</exception>
    public string Text(string key) => values.TryGetValue(key, out var text) ? text : throw Unusable(key, "missing");

    /// <exception cref="InferenceException">The key is missing or its value is not a number.</exception>
    public double Number(string key) => Numbers(key, 1)[0];

    /// <exception cref="InferenceException">The key is missing or its value is not a number in the range.</exception>
    public int Whole(string key, int from, int to) => Number(key) is var number && number >= from && number <= to ? (int)number : throw Unusable(key, Text(key));

    /// <summary>Numbers that are separated by spaces.</summary>
    /// <exception cref="InferenceException">The key is missing, or its value is not numbers or not as many.</exception>
    public double[] Numbers(string key, int? count = null)
    {
        var numbers = Array.ConvertAll(
            Text(key).Split(' '), word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN);
        return (count is null || numbers.Length == count) && numbers.All(double.IsFinite) ? numbers : throw Unusable(key, Text(key));
    }

    /// <summary>The error for a value that this program cannot use.</summary>
    public InferenceException Unusable(string key, string found) =>
        new($"{source} says {key} is {found}; it was not built for this program. Run `sana build --force` on the checkpoint.");
}
