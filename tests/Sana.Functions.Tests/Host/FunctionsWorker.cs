using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Sana.Functions.Tests.Host.Wire;
using Xunit;

namespace Sana.Functions.Tests.Host;

/// <summary>One app: its worker process as it was built, and what the host says to it and hears from it.</summary>
internal sealed class FunctionsWorker(string id, FunctionsHost host, IReadOnlyDictionary<string, string> settings) : IAsyncDisposable
{
    private static readonly string _program = typeof(FunctionsWorker).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(pair => pair.Key == "Worker").Value!;

    private readonly Process _process = new();
    private readonly HttpClient _http = new();
    private readonly SemaphoreSlim _oneWriter = new(1);
    private readonly TaskCompletionSource<IServerStreamWriter<StreamingMessage>> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> _asked = [];
    private readonly ConcurrentQueue<string> _output = [];
    private readonly ConcurrentQueue<RpcLog> _logs = [];
    private readonly Dictionary<string, RpcFunctionMetadata> _functions = [];
    private readonly AppSettings _settings = new(settings);

    /// <summary>What the process wrote to its console.</summary>
    public IReadOnlyList<string> Output => [.. _output];

    /// <summary>Log messages that came over the wire.</summary>
    public IReadOnlyList<RpcLog> Logs => [.. _logs];

    /// <summary>From the start of the process until the last function was loaded.</summary>
    public TimeSpan StartUp { get; private set; }

    public IReadOnlyDictionary<string, string> Capabilities { get; private set; } = new Dictionary<string, string>();

    /// <summary>All functions of the app, the disabled ones too.</summary>
    public IReadOnlyCollection<string> Functions => _functions.Keys;

    public Process Process => _process;

    private static string Directory => Path.GetDirectoryName(_program)!;

    private Uri HttpUri => new(Capabilities["HttpUri"]);

    /// <summary>Whether the host would listen to the function's trigger.</summary>
    public bool Has(string function) => _functions.ContainsKey(function) && !_settings.IsDisabled(function);

    public async Task Start()
    {
        var clock = Stopwatch.StartNew();
        _process.StartInfo = new ProcessStartInfo(
            "dotnet",
            [
                _program, "--functions-uri", $"{host.Address}", "--functions-request-id", $"{Guid.NewGuid()}", "--functions-worker-id", id, "--functions-grpc-max-message-length", $"{int.MaxValue}",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Directory,
            Environment = { ["FUNCTIONS_APPLICATION_DIRECTORY"] = Directory, ["AzureWebJobsScriptRoot"] = Directory },
        };
        foreach (var (name, value) in settings)
            _process.StartInfo.Environment[name] = value;
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.EnableRaisingEvents = true;
        _process.Exited += (_, _) => Lose();
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();

        var begun = await Ask(new StreamingMessage { WorkerInitRequest = new WorkerInitRequest { HostVersion = "4.0.0.0", FunctionAppDirectory = Directory } });
        Capabilities = Succeeded(begun.WorkerInitResponse, begun.WorkerInitResponse.Result).Capabilities;
        var indexed = (await Ask(new StreamingMessage { FunctionsMetadataRequest = new FunctionsMetadataRequest { FunctionAppDirectory = Directory } })).FunctionMetadataResponse;
        foreach (var function in Succeeded(indexed, indexed.Result).FunctionMetadataResults)
        {
            var loaded = (await Ask(new StreamingMessage { FunctionLoadRequest = new FunctionLoadRequest { FunctionId = function.FunctionId, Metadata = function } })).FunctionLoadResponse;
            Succeeded(loaded, loaded.Result);
            _functions[function.Name] = function;
        }

        StartUp = clock.Elapsed;
    }

    /// <summary>Invokes a function with its trigger's data and, where it has one, the durable client.</summary>
    /// <param name="function">Its name. A host invokes no disabled function, but on its own behalf.</param>
    /// <param name="trigger">What the trigger hands over.</param>
    /// <param name="values">Binding data, such as the values of a route.</param>
    /// <param name="invocation">Its id; a new one when null.</param>
    public async Task<InvocationResponse> Invoke(string function, TypedData trigger, RouteValueDictionary? values = null, string? invocation = null)
    {
        var metadata = _functions[function];
        var trace = new RpcTraceContext { TraceParent = $"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-01" };
        var request = new InvocationRequest { InvocationId = invocation ?? Guid.NewGuid().ToString(), FunctionId = metadata.FunctionId, TraceContext = trace };
        foreach (var (name, binding) in metadata.Bindings.Where(pair => pair.Value.Direction == BindingInfo.Types.Direction.In))
            request.InputData.Add(new ParameterBinding { Name = name, Data = binding.Type == "durableClient" ? host.Hub.Client : trigger });
        foreach (var (name, value) in values ?? [])
            request.TriggerMetadata.Add(name, new TypedData { String = $"{value}" });
        return (await Ask(new StreamingMessage { InvocationRequest = request })).InvocationResponse;
    }

    /// <summary>A request from outside: routed by the functions' routes, forwarded to the worker's own HTTP server under the invocation's id.</summary>
    public Task<(int Status, HttpResponseHeaders Headers, byte[] Body)> Send(HttpMethod method, string path, string? json = null) =>
        Send(method, path, json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"));

    public async Task<(int Status, HttpResponseHeaders Headers, byte[] Body)> Send(HttpMethod method, string path, HttpContent? content)
    {
        var (function, values) = Route(method, path.Split('?')[0]);
        var invocation = Guid.NewGuid().ToString();
        using var request = new HttpRequestMessage(method, new Uri(HttpUri, path)) { Content = content };
        request.Headers.Add("x-ms-invocation-id", invocation);
        var invoked = Invoke(function, new TypedData { Http = new RpcHttp() }, values, invocation);
        using var response = await _http.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        var ended = await invoked;
        Succeeded(ended, ended.Result);
        return ((int)response.StatusCode, response.Headers, body);
    }

    public async Task<(int Status, JsonElement Body)> Json(HttpMethod method, string path, string? json = null)
    {
        var (status, _, body) = await Send(method, path, json);
        return (status, body is [(byte)'{', ..] ? JsonDocument.Parse(body).RootElement : default);
    }

    /// <summary>What a platform does to stop a process.</summary>
    public void Terminate() => Assert.Equal(0, Kill(_process.Id, 15));

    /// <summary>Waits until the process has written a line with these words.</summary>
    public async Task<string> Wrote(string words)
    {
        for (var begun = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            if (_output.FirstOrDefault(line => line.Contains(words, StringComparison.Ordinal)) is { } line)
                return line;
            if (_process.HasExited || begun.Elapsed > TimeSpan.FromMinutes(1))
                throw new InvalidOperationException($"The worker did not write '{words}' but:\n{string.Join('\n', _output)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _http.Dispose();
    }

    /// <summary>One connection, for as long as it holds.</summary>
    internal async Task Talk(IAsyncStreamReader<StreamingMessage> fromWorker, IServerStreamWriter<StreamingMessage> toWorker, CancellationToken gone)
    {
        _connected.TrySetResult(toWorker);
        await foreach (var message in fromWorker.ReadAllAsync(gone))
        {
            if (message.RpcLog is { } log)
                _logs.Enqueue(log);
            else if (_asked.TryRemove(message.RequestId, out var answer))
                answer.SetResult(message);
        }
    }

    private static T Succeeded<T>(T answer, StatusResult result) =>
        result.Status == StatusResult.Types.Status.Success ? answer : throw new InvalidOperationException($"The worker answered {result.Status}: {result.Exception?.Type} {result.Exception?.Message}\n{result.Exception?.StackTrace}");

    [DllImport("libc", EntryPoint = "kill"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    private async Task<StreamingMessage> Ask(StreamingMessage question)
    {
        question.RequestId = Guid.NewGuid().ToString();
        var answer = new TaskCompletionSource<StreamingMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[question.RequestId] = answer;
        var stream = await _connected.Task;
        await _oneWriter.WaitAsync();
        try
        {
            await stream.WriteAsync(question);
        }
        finally
        {
            _oneWriter.Release();
        }

        return await answer.Task;
    }

    private (string Function, RouteValueDictionary Values) Route(HttpMethod method, string path)
    {
        foreach (var (name, function) in _functions)
        {
            foreach (var binding in function.RawBindings.Select(raw => JsonDocument.Parse(raw).RootElement).Where(binding => binding.GetProperty("type").GetString() == "httpTrigger"))
            {
                var values = new RouteValueDictionary();
                if (Has(name) && binding.GetProperty("methods").EnumerateArray().Any(each => each.GetString()!.Equals(method.Method, StringComparison.OrdinalIgnoreCase))
                    && new TemplateMatcher(TemplateParser.Parse(binding.GetProperty("route").GetString()!), []).TryMatch(path, values))
                    return (name, values);
            }
        }

        throw new InvalidOperationException($"The app has no function for {method} {path}.");
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is { } text)
            _output.Enqueue(text);
    }

    private void Lose()
    {
        var lost = new IOException($"The worker ended with {_process.ExitCode}.");
        _connected.TrySetException(lost);
        foreach (var question in _asked.Values)
            question.TrySetException(lost);
    }
}
