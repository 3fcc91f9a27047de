using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Sana.Tests.Support;

namespace Sana.Acceptance.Support;

/// <summary>A real <c>sana serve</c> process with the small checkpoint, on a port of its own.</summary>
internal sealed class SanaServer : IAsyncDisposable
{
    public const string Key = "acceptance-key-0123456789";

    /// <summary>base64 of 24 bytes.</summary>
    public const string WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private readonly string _folder = Directory.CreateTempSubdirectory("sana-serve-").FullName;
    private readonly StringBuilder _errors = new();
    private Process _process = null!;
    private string? _shell;
    private IReadOnlyDictionary<string, string> _environment = new Dictionary<string, string>();

    public Uri Address { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    public string Data => Path.Combine(_folder, "data");

    public int ProcessId => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>How the process ended: its exit code, 128 and the signal's number where it was a signal.</summary>
    public string End => _process.HasExited ? $"exit code {_process.ExitCode}" : "still running";

    public long WorkingSet
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Everything that the process wrote to stderr so far.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString();
        }
    }

    /// <summary>Starts and waits until it is ready.</summary>
    /// <param name="config">Content of sana.json, or null for none.</param>
    /// <param name="options">Further options of the command.</param>
    public static async Task<SanaServer> Start(object? config = null, params string[] options)
    {
        return await StartUnder(null, config, options: options);
    }

    /// <summary>The same under words of bash, such as <c>ulimit -n 256</c>, with more variables, and with a model of the folder <c>models</c>.</summary>
    public static async Task<SanaServer> StartUnder(
        string? shell, object? config = null, IReadOnlyDictionary<string, string>? environment = null, string? model = null, params string[] options)
    {
        var server = new SanaServer { _shell = shell, _environment = environment ?? new Dictionary<string, string>() };
        Directory.CreateDirectory(server.Data);
        if (config is not null)
            await File.WriteAllTextAsync(Path.Combine(server.Data, "sana.json"), JsonSerializer.Serialize(config));
        var checkpoint = Path.Combine(server._folder, "checkpoint");
        SmallCheckpoint.CopyTo(checkpoint, source: model is null ? null : Path.Combine(Repository.Root, "models", model));
        if (model is null)
            SmallCheckpoint.MakeSmall(checkpoint);
        await server.Begin(options);
        return server;
    }

    /// <summary>Kills the process as a power failure does and starts it again over the same data.</summary>
    public async Task Crash(params string[] options)
    {
        await Kill();
        await Again(options);
    }

    /// <summary>Starts over the same data, after the process has ended.</summary>
    public async Task Again(params string[] options)
    {
        Http.Dispose();
        await Begin(options);
    }

    /// <summary>A full disk and its end: the kernel refuses each byte that the running process would write to a file, or none.</summary>
    public void FillDisk(bool isFull)
    {
        using var limit = Process.Start("prlimit", [$"--pid={_process.Id}", isFull ? "--fsize=0:" : "--fsize=unlimited:"]);
        limit.WaitForExit();
        if (limit.ExitCode != 0)
            throw new InvalidOperationException($"prlimit, which is of the package util-linux, failed; the server: {End}.\n{Errors}");
    }

    /// <summary>Kills the process as a power failure does.</summary>
    public async Task Kill()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends SIGTERM; the exit code.</summary>
    public async Task<int> Terminate()
    {
        SanaProgram.Signal(_process, "TERM");
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseHeaders Headers)> Send(
        HttpMethod method, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement, response.Headers);
    }

    /// <summary>Asks until the status is the one wanted; the patience is more than any of these jobs takes on a busy machine.</summary>
    public async Task<JsonElement> Until(string path, string wanted, int seconds = 60)
    {
        for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(seconds); await Task.Delay(100))
        {
            var (status, body, _) = await Send(HttpMethod.Get, path);
            if (status == HttpStatusCode.OK && body.GetProperty("status").GetString() == wanted)
                return body;
        }

        throw new TimeoutException($"{path} is not {wanted}: {(await Send(HttpMethod.Get, path)).Body}\n{Errors}");
    }

    public static object Job(string prompt, params ulong[] seeds) => new { input = new { prompt, width = 64, height = 64, steps = 2, seeds } };

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        Http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task Begin(string[] options)
    {
        var start = new ProcessStartInfo(_shell is null ? SanaProgram.Executable : "bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        if (_shell is not null)
        {
            foreach (var word in (string[])["-c", $"{_shell}; exec \"$0\" \"$@\"", SanaProgram.Executable])
                start.ArgumentList.Add(word);
        }

        foreach (var (name, value) in _environment)
            start.Environment[name] = value;
        string[] arguments =
        [
            "serve", "--checkpoint", Path.Combine(_folder, "checkpoint"), "--data", Data, "--urls", "http://127.0.0.1:0", "--json", "--verbose", .. options,
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["SANA_API_KEY"] = Key;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        _process.BeginErrorReadLine();
        var first = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"sana serve ended: {Errors}");
        Address = JsonDocument.Parse(first).RootElement.TryGetProperty("urls", out var urls) ? new Uri(urls[0].GetString()!) : throw new InvalidOperationException(first);
        Http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", Key) } };
        for (var patience = Stopwatch.StartNew(); (await Http.GetAsync("/readyz")).StatusCode != HttpStatusCode.OK; await Task.Delay(100))
        {
            if (patience.Elapsed > TimeSpan.FromSeconds(60))
                throw new TimeoutException($"sana serve is not ready: {Errors}");
        }
    }
}
