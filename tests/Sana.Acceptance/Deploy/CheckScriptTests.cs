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

    /// <summary>Without an address it asks azd and az. There is no Azure here, so both are stand-ins that answer for this server and move files between its folders.</summary>
    [Fact]
    public async Task After_azd_up_it_asks_azd_and_az_for_addresses_and_the_key()
    {
        using var tools = new TempFolder();
        Tool(tools.File("azd"), $"case $3 in SANA_URL) echo {_server.Address.ToString().TrimEnd('/')} ;; *) echo sana-$3 | tr A-Z_ a-z- ;; esac");
        Tool(tools.File("az"), $$"""
            echo "$@" >>"{{tools.File("calls")}}"
            for ((i = 1; i <= $#; i++)); do [[ ${!i} != --* ]] || { j=$((i + 1)); o=${!i#--}; printf -v "${o//-/_}" %s "${!j:-}"; }; done
            case "$1 $2 $3" in
              "functionapp keys list") echo {{SanaServer.Key}} ;;
              "containerapp revision list") echo '[{"state":"ScaledToZero","health":"Healthy","replicas":0}]' ;;
              "storage blob download") cp "{{_server.Data}}/blobs/$name" "$file" ;;
              "storage blob upload-batch") mkdir -p "{{_inbox.Path}}/$destination_path" && cp "$source"/* "{{_inbox.Path}}/$destination_path/" ;;
              "storage blob delete-batch") rm -r "{{_inbox.Path}}/${pattern%/\*}" ;;
              *) exit 3 ;;
            esac
            """);

        var (exitCode, output) = await Run(["--patience", "120", "--settings", Small], ("SANA_API_KEY", ""), ("PATH", $"{tools.Path}:{Environment.GetEnvironmentVariable("PATH")}"));

        Assert.True(exitCode == 0, output);
        Assert.Contains("""ok    revision {"state":"ScaledToZero","health":"Healthy","replicas":0}""", output, StringComparison.Ordinal);
        Assert.Matches(@"ok    dataset check, version check-\S+: \{""succeeded"":3,", output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_inbox.Path));
        Assert.Contains("functionapp keys list --resource-group sana-azure-resource-group --name sana-sana-orchestrator", await File.ReadAllTextAsync(tools.File("calls")), StringComparison.Ordinal);
    }

    private static string Script => Path.Combine(Repository.Root, "infra", "check.sh");

    private static void Tool(string path, string lines)
    {
        File.WriteAllText(path, $"#!/usr/bin/env bash\n{lines}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private Task<(int ExitCode, string Output)> Check(string key, params string[] options) =>
        Run(["--url", _server.Address.ToString(), "--patience", "120", "--settings", Small, .. options], ("SANA_API_KEY", key));

    private static async Task<(int ExitCode, string Output)> Run(string[] options, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", [Script, .. options]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
