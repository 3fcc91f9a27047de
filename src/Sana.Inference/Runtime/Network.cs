using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Runtime;

/// <summary>One ONNX graph, loaded. Its input and output names are the contract with the graph builder and are checked here.</summary>
internal sealed class Network : IDisposable
{
    private readonly InferenceSession _session;

    private Network(string file, InferenceSession session) => (File, _session) = (file, session);

    public string File { get; }

    /// <summary>Facts about the network that the builder wrote into the graph.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _session.ModelMetadata.CustomMetadataMap;

    public IReadOnlyList<string> Inputs => _session.InputNames;

    public IReadOnlyList<string> Outputs => _session.OutputNames;

    /// <exception cref="InferenceException">The file is missing, unreadable or not a graph of this contract, or the device is not there.</exception>
    public static Network Load(string file, NetworkOptions options, params ReadOnlySpan<string> contract)
    {
        if (!System.IO.File.Exists(file))
        {
            throw new InferenceException($"{file} is missing; run `sana build` on the checkpoint.");
        }

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

    /// <summary>A graph in memory whose weights lie in <paramref name="folder"/>.</summary>
    public static Network Load(byte[] graph, string folder, NetworkOptions options)
    {
        // The runtime opens nothing outside the folder it is given, links resolved. Beside linked weights, as in the Hugging Face cache, a graph names its files from the root.
        var reach = HasLinkedWeights(folder) ? Path.GetPathRoot(Path.GetFullPath(folder))! : folder;
        using var session = SessionOptionsOf(options);
        session.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", reach);
        return new Network(folder, Open(() => new InferenceSession(graph, session), folder));
    }

    /// <summary>Shape of an input as the graph states it; −1 where it is open.</summary>
    public int[] ShapeOf(string input) => _session.InputMetadata[input].Dimensions;

    /// <summary>Runs the graph. The caller owns inputs and outputs.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyList<(string Name, OrtValue Value)> inputs, IReadOnlyCollection<string> outputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
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

    public void Dispose() => _session.Dispose();

    private static bool HasLinkedWeights(string folder) =>
        Directory.EnumerateFiles(folder, "*.safetensors").Any(file => new FileInfo(file).LinkTarget is not null);

    private static byte[] ReadGraph(string file)
    {
        try
        {
            return System.IO.File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private static Network Open(string file, NetworkOptions options)
    {
        using var session = SessionOptionsOf(options);
        return new Network(file, Open(() => new InferenceSession(file, session), file));
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

    private static SessionOptions SessionOptionsOf(NetworkOptions options)
    {
        var session = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = options.Threads,
            InterOpNumThreads = 1, // one image is one chain of products: parallelism lies inside them
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            EnableCpuMemArena = options.KeepMemory,
            EnableMemoryPattern = options.KeepMemory,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.Device.AppendTo(session);
        return session;
    }
}

/// <summary>How a network is loaded.</summary>
/// <param name="Device">Where it runs.</param>
/// <param name="Threads">Threads of one product, 1…; 0 takes every core.</param>
/// <param name="KeepMemory">Keep activations between runs: faster for a network that runs many times, dearer for one that runs once.</param>
internal sealed record NetworkOptions(Device Device, int Threads, bool KeepMemory);
