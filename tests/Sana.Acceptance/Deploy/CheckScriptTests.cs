using System.Diagnostics;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Deploy;

/// <summary><c>infra/check.sh</c> against a real server: it is what a person runs after a deployment, so it must pass where all is well, and say what is wrong where it is not.</summary>
public sealed class CheckScriptTests : IAsyncLifetime
{
    private const string Small = """{"width":64,"height":64,"steps":2}""";

    private readonly TempFolder _inbox = new();
    private SanaServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SanaServer.Start(new { sources = new { inbox = _inbox.Path } });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _inbox.Dispose();
    }

    [Fact]
    public async Task It_passes_where_all_is_well_and_leaves_nothing_in_the_inbox()
    {
        var (exitCode, output) = await Check(SanaServer.Key, "--inbox", _inbox.Path);

        Assert.True(exitCode == 0, output);
        Assert.Equal(3, output.Split('\n').Count(line => line.Contains(".png, ", StringComparison.Ordinal)));
        Assert.Matches(@"ok    dataset check, version check-\S+: \{""succeeded"":3,", output);
        Assert.Contains("Everything that was asked works.", output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_inbox.Path));
    }

    [Fact]
    public async Task A_wrong_key_is_told_with_what_to_look_at()
    {
        var (exitCode, output) = await Check("not-the-key-0123456789", "--inbox", _inbox.Path);

        Assert.Equal(1, exitCode);
        Assert.Contains("FAIL  The API answers 401.", output, StringComparison.Ordinal);
        Assert.Contains("Look at:\n          the key: --key, SANA_API_KEY", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_the_server_does_not_have_fails_the_last_step_only()
    {
        var (exitCode, output) = await Check(SanaServer.Key, "--inbox", _inbox.Path, "--source", "attic");

        Assert.Equal(1, exitCode);
        Assert.Contains("4. Their blobs", output, StringComparison.Ordinal);
        Assert.Contains("FAIL  The curation is answered 422.", output, StringComparison.Ordinal);
        Assert.Contains("The server has no source of this name; it has inbox.", output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_inbox.Path));
    }

    [Fact]
    public async Task Images_that_cannot_be_made_fail_with_the_sentence_of_the_server()
    {
        var (exitCode, output) = await Check(SanaServer.Key, "--settings", """{"width":7,"height":64}""");

        Assert.Equal(1, exitCode);
        Assert.Contains("FAIL  The job is answered 4", output, StringComparison.Ordinal);
        Assert.Contains("width", output, StringComparison.Ordinal);
    }

    private static string Script => Path.Combine(Repository.Root, "infra", "check.sh");

    private async Task<(int ExitCode, string Output)> Check(string key, params string[] options)
    {
        var start = new ProcessStartInfo("bash", [Script, "--url", _server.Address.ToString(), "--patience", "120", "--settings", Small, .. options]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SANA_API_KEY"] = key;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
