using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>What the program asks of the system, as strace sees it: no address is looked up, nobody is connected to, and no file is made outside the folders that it was given.</summary>
public sealed partial class PrivacyTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Calls => _folder.File("calls");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Generating_looks_nothing_up_and_writes_into_its_folders_only()
    {
        using var process = Trace(telemetry: null, "generate", "-c", checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--steps", "1", "-o", _folder.File("out"));
        var run = await SanaProgram.Finish(process);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains(Created(), name => name.EndsWith(".db", StringComparison.Ordinal) || name.StartsWith(_folder.File("out"), StringComparison.Ordinal));
        AssertQuiet();
    }

    [Fact]
    public async Task Serving_looks_nothing_up_and_writes_into_its_folders_only()
    {
        using var process = Trace(telemetry: null, "serve", "--data", _folder.File("data"), "-c", checkpoint.Path, "--urls", "http://127.0.0.1:0", "--json");
        var address = await Address(process);
        using (var http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) })
        {
            var answer = await http.PostAsJsonAsync("/v1/images/generations", new { prompt = "a cat", size = "64x64", steps = 1 });
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        using var child = Process.GetProcessById(Child(process.Id));
        SanaProgram.Signal(child, "TERM");
        await process.WaitForExitAsync();

        AssertQuiet();
    }

    [Fact]
    public async Task Who_asks_for_telemetry_has_it()
    {
        using var process = Trace(telemetry: "0", "generate", "-c", checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--steps", "1", "-o", _folder.File("out"));
        await SanaProgram.Finish(process);

        // The trace sees it where it is on: the tests above could fail.
        Assert.Contains(Created(), name => name.Contains(".onnxruntime", StringComparison.Ordinal));
    }

    private Process Trace(string? telemetry, params string[] arguments)
    {
        Directory.CreateDirectory(_folder.File("home"));
        Directory.CreateDirectory(_folder.File("tmp"));
        var start = new ProcessStartInfo(
            "strace",
            ["-f", "-qq", "--seccomp-bpf", "-s", "300", "-e", "trace=connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat", "-o", Calls, SanaProgram.Executable, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // Of this environment only what starts .NET: ONNX Runtime's telemetry is off by itself where a variable such as CI or TF_BUILD names a build machine.
        foreach (var name in start.Environment.Keys.Where(name => name != "PATH" && name != "DOTNET_ROOT").ToList())
            start.Environment.Remove(name);
        (start.Environment["HOME"], start.Environment["TMPDIR"], start.Environment["DOTNET_EnableDiagnostics"]) = (_folder.File("home"), _folder.File("tmp"), "0");
        if (telemetry is not null)
            start.Environment["ORT_DISABLE_TELEMETRY"] = telemetry;
        return Process.Start(start)!;
    }

    private static async Task<Uri> Address(Process process)
    {
        var errors = process.StandardError.ReadToEndAsync();
        return await process.StandardOutput.ReadLineAsync() is { } line
            ? new Uri(JsonDocument.Parse(line).RootElement.GetProperty("urls")[0].GetString()!)
            : throw new InvalidOperationException($"sana serve ended: {await errors}");
    }

    private static int Child(int process) => int.Parse(File.ReadAllText($"/proc/{process}/task/{process}/children").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>Files and folders that were made.</summary>
    private IEnumerable<string> Created() => File.ReadLines(Calls)
        .Where(line => Making().IsMatch(line) && !line.Contains(" = -1 ", StringComparison.Ordinal))
        .Select(line => FileName().Match(line).Groups[1].Value);

    private void AssertQuiet()
    {
        var made = Created().ToList();
        Assert.NotEmpty(made);
        Assert.All(made, name => Assert.True(
            name.StartsWith(_folder.Path, StringComparison.Ordinal) || name.StartsWith(checkpoint.Path, StringComparison.Ordinal) || name.StartsWith("/dev/", StringComparison.Ordinal), name));
        Assert.DoesNotContain(File.ReadLines(Calls), line => Outside().IsMatch(line));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.File("home")));
    }

    [GeneratedRegex(@"O_CREAT| (mkdir|mkdirat|creat)\(")]
    private static partial Regex Making();

    [GeneratedRegex("\"([^\"]*)\"")]
    private static partial Regex FileName();

    /// <summary>A connection or a datagram to an address, or the files that name servers are found with. An answer over an accepted connection is none.</summary>
    [GeneratedRegex(@" (connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET|/nscd/|/etc/resolv\.conf")]
    private static partial Regex Outside();
}
