using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Fetch;

/// <summary>A curated dataset to a repository of the Hub, by the real program.</summary>
public sealed class PushTests : IDisposable
{
    private const string Repository = "datasets/owner/noise";
    private const string Target = "hf:owner/noise";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>How often the program is killed: 6 times, or as SANA_PUSH_KILLS says.</summary>
    private static int Kills => int.Parse(Environment.GetEnvironmentVariable("SANA_PUSH_KILLS") is { Length: > 0 } text ? text : "6", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Killed_again_and_again_it_sends_nothing_twice_that_has_arrived()
    {
        await Curate(images: 2 * Math.Max(8, Kills), items: 2);
        var (lives, before, isLast) = (0, 0, false);
        // Who comes to the commit is killed there.
        await using var server = await HubServer.Start("datasets/other/one", new Dictionary<string, byte[]>(), call => call.Kind == "commit" && !isLast ? HubFault.Silent : HubFault.None);
        var mean = Expected().Where(file => file.Key.EndsWith(".tar", StringComparison.Ordinal)).Average(file => (double)file.Value.Length);
        var random = new Random(5);
        for (; lives < Kills; lives++)
        {
            (before, var commits) = (server.Objects.Count, server.Of("commit").Length);
            // Every fifth is killed before the first byte, the last one when all is there but the commit.
            var spent = server.Allow(lives == Kills - 1 ? long.MaxValue : lives % 5 == 0 ? 0 : (long)(mean * 3 * random.NextDouble()));
            // A tar goes in one request or in parts.
            server.PartBytes = lives % 2 == 0 ? 20_000 : null;
            using var process = Start(server, "push", "noise", Target);
            while (!spent.IsCompleted && server.Of("commit").Length == commits && !process.HasExited)
                await Task.WhenAny(spent, Task.Delay(10));
            process.Kill();
            await process.WaitForExitAsync();
            Assert.Equal(137, process.ExitCode);
            Assert.Empty(server.Commits);
        }

        isLast = true;
        _ = server.Allow(long.MaxValue);
        var there = server.Objects.Count;
        var done = await Run(server, "push", "noise", Target, "--json");

        Assert.True(done.ExitCode == 0, done.Error);
        Holds(server);
        Assert.Single(server.Commits);
        Assert.True(server.Of("commit").Length > 1);
        Assert.Empty(server.SentAgain);
        var report = JsonElement.Parse(done.Output);
        Assert.Equal((Expected().Count, Expected().Count), (report.GetProperty("files").GetInt32(), report.GetProperty("sent").GetInt32() + report.GetProperty("there").GetInt32()));
        Assert.Equal(there, report.GetProperty("there").GetInt32());
        var large = server.Objects.Values.Sum(bytes => (long)bytes.Length);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{lives} kills, {before} of {server.Objects.Count} large files had arrived before the last one; {server.Received} bytes came for {large}, {server.SentAgain.Count} files twice; {server.Of("commit").Length} commits asked for, {server.Commits.Count} made."));
    }

    [Fact]
    public async Task A_second_push_sends_nothing_and_a_later_choice_sends_what_is_new()
    {
        await Curate(images: 6, items: 3);
        await using var server = await HubServer.Start("datasets/other/one", new Dictionary<string, byte[]>());

        var first = await Run(server, "push", "noise", Target, "--private", "--message", "the first");
        var puts = server.Of("put").Length;
        var second = await Run(server, "push", _folder.File("data/blobs/datasets/noise/v1"), "hf:datasets/owner/noise");
        var select = await SanaProgram.Run("select", "noise", "--data", _folder.File("data"), "--rule", "max", "--label", "best");
        var third = await Run(server, "push", "noise", Target);

        Assert.True((first.ExitCode, second.ExitCode, select.ExitCode, third.ExitCode) == (0, 0, 0, 0), first.Error + second.Error + select.Error + third.Error);
        Assert.True(server.IsPrivate(Repository));
        Assert.Equal(["the first", "noise v1"], server.Commits);
        Assert.Matches(@"^noise v1 is in datasets/owner/noise \(commit [0-9a-f]{40}\): \d+ files sent, [0-9.]+ kB; 0 there already\. http://127\.0\.0\.1:\d+/datasets/owner/noise/tree/main\n$", first.Output);
        Assert.Matches(@"^push: datasets/owner/noise: the repository is made\.", first.Error);
        Assert.Matches(@"push: datasets/owner/noise: [0-9.]+ kB of [0-9.]+ kB, 4 of 4 files", first.Error);
        Assert.Matches(@"^noise v1: nothing to send, its \d+ files are in datasets/owner/noise \(commit [0-9a-f]{40}\)\.\n$", second.Output);
        Assert.Matches(@"^noise v1 is in datasets/owner/noise \(commit [0-9a-f]{40}\): [5-9] files sent, ", third.Output);
        Assert.Equal(puts + 2, server.Of("put").Length);
        Holds(server);
        Assert.Contains("selections/best/00001.parquet", server.FilesOfRepository(Repository).Keys);
        Assert.DoesNotContain(server.FilesOfRepository(Repository).Keys, name => name.EndsWith(".jsonl", StringComparison.Ordinal) || name.EndsWith("manifest.json", StringComparison.Ordinal));

        // What was pushed can be curated from there.
        var again = await Run(server, "curate", "hf:datasets/owner/noise", "--dataset", "again", "--data", _folder.File("data"), "--similar", "-1");
        Assert.True(again.ExitCode == 0, again.Error + again.Output);
    }

    [Fact]
    public async Task What_cannot_be_pushed_is_one_sentence()
    {
        await Curate(images: 2, items: 2);
        await using var server = await HubServer.Start("datasets/other/one", new Dictionary<string, byte[]>(), call => call.Kind == "preupload" ? HubFault.Forbidden : HubFault.None);

        await Refused(server, 2, "'owner/noise' is no dataset repository of the Hugging Face Hub that can be written to; give hf:owner/name, or hf:owner/name@branch.", "push", "noise", "owner/noise");
        await Refused(server, 1, $"{_folder.File("data/blobs")} has no finished dataset noise v7; sana curate makes one, --blobs names another place.", "push", "noise", Target, "--dataset-version", "v7");
        await Refused(server, 1, "A push to datasets/owner/noise needs a token that may write: make one at", [("HF_TOKEN", "")], "push", "noise", Target);
        await Refused(server, 1, "A push to datasets/owner/noise goes to", [("HF_HUB_OFFLINE", "1")], "push", "noise", Target);
        Assert.Empty(server.Calls);
        await Refused(server, 1, $"{server.Endpoint} does not let the token of HF_TOKEN write the list of files of owner/noise (403: This token has no such right): set HF_TOKEN to one that may write there.", "push", "noise", Target);
        File.Delete(_folder.File("data/blobs/datasets/noise/v1/shards/00000.tar"));
        await Refused(server, 1, "shards/00000.tar of noise v1 is not there; restore it from a copy or curate the dataset again.", "push", "noise", Target);
    }

    private async Task Curate(int images, int items)
    {
        Directory.CreateDirectory(_folder.File("source"));
        for (var i = 0; i < images; i++)
        {
            var pixels = new byte[3 * 96 * 96];
            new Random(i).NextBytes(pixels);
            await File.WriteAllBytesAsync(_folder.File($"source/{i:000}.png"), ImageCodec.Encode(new RgbImage(96, 96, pixels), ImageFormat.Png));
            await File.WriteAllTextAsync(_folder.File($"source/{i:000}.txt"), $"noise number {i}");
        }

        var run = await SanaProgram.Run("curate", _folder.File("source"), "--dataset", "noise", "--items", $"{items}", "--similar", "-1", "--data", _folder.File("data"));
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
    }

    /// <summary>The files of the version that are to be in the repository.</summary>
    private Dictionary<string, byte[]> Expected() => HubServer.FilesOf(_folder.File("data/blobs/datasets/noise/v1"))
        .Where(file => file.Key == "README.md" || (file.Key.StartsWith("selections/", StringComparison.Ordinal) && file.Key.EndsWith(".parquet", StringComparison.Ordinal))
            || (file.Key.StartsWith("shards/", StringComparison.Ordinal) && !file.Key.EndsWith(".jsonl", StringComparison.Ordinal) && !file.Key.EndsWith("_stats.json", StringComparison.Ordinal)))
        .ToDictionary();

    private void Holds(HubServer server)
    {
        var found = server.FilesOfRepository(Repository).Where(file => file.Key != ".gitattributes").ToDictionary();
        var expected = Expected();
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, file => Assert.True(file.Value.AsSpan().SequenceEqual(found[file.Key]), file.Key));
    }

    private Task Refused(HubServer server, int exitCode, string sentence, params string[] arguments) => Refused(server, exitCode, sentence, [], arguments);

    private async Task Refused(HubServer server, int exitCode, string sentence, (string Name, string Value)[] variables, params string[] arguments)
    {
        using var process = Start(server, variables, arguments);
        var run = await SanaProgram.Finish(process);
        Assert.True(exitCode == run.ExitCode, run.Error + run.Output);
        Assert.StartsWith($"sana: {sentence}", run.Error.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
    }

    private async Task<Finished> Run(HubServer server, params string[] arguments)
    {
        using var process = Start(server, arguments);
        return await SanaProgram.Finish(process);
    }

    private Process Start(HubServer server, params string[] arguments) => Start(server, [], arguments);

    private Process Start(HubServer server, (string Name, string Value)[] variables, params string[] arguments)
    {
        string[] place = arguments[0] == "push" ? ["--data", _folder.File("data")] : [];
        var start = new ProcessStartInfo(SanaProgram.Executable, [.. arguments, .. place])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("HF_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["HF_ENDPOINT"] = server.Endpoint.ToString();
        start.Environment["HF_HOME"] = _folder.File("home");
        start.Environment["HF_TOKEN"] = "hf_secret";
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
