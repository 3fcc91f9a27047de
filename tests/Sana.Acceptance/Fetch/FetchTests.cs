using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Fetch;

/// <summary>Repositories of the Hub in place of folders, by the real program.</summary>
public sealed class FetchTests : IDisposable
{
    private const string Tiny = "owner/tiny-sana";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>How often the program is killed: 20 times, or as SANA_FETCH_KILLS says.</summary>
    private static int Kills => int.Parse(Environment.GetEnvironmentVariable("SANA_FETCH_KILLS") is { Length: > 0 } text ? text : "20", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Killed_again_and_again_it_asks_for_no_byte_that_is_on_the_disk()
    {
        var files = HubServer.FilesOf(ShippedModel.Folder("tiny-sana"));
        await using var server = await HubServer.Start(Tiny, files);
        // So many bytes a life that the last kill leaves something to do.
        var share = files.Sum(file => (long)file.Value.Length) * 9 / 10 / Kills;
        for (var kill = 0; kill < Kills; kill++)
        {
            var (begun, onDisk) = (Begun(), OnDisk());
            // Every fifth is killed before the first byte.
            var spent = server.Allow(kill % 5 == 0 ? 0 : share * 5 / 4);
            using (var process = Start(server, [("HF_TOKEN", $"life-{kill}")], "fetch", Tiny))
            {
                await Task.WhenAny(spent, process.WaitForExitAsync());
                // Some in the middle of it, some when much has reached the disk.
                if (kill % 5 > 1)
                    await Grown(onDisk + share);
                process.Kill();
                await process.WaitForExitAsync();
                Assert.Equal(137, process.ExitCode);
            }

            GoesOn(server, $"life-{kill}", begun);
        }

        var left = Begun();
        _ = server.Allow(long.MaxValue);
        var done = await Run(server, [("HF_TOKEN", "last")], "fetch", Tiny);

        Assert.Equal((0, Snapshot(server) + "\n"), (done.ExitCode, done.Output));
        GoesOn(server, "last", left);
        var found = HubServer.FilesOf(Snapshot(server));
        Assert.All(found, file => Assert.True(file.Value.AsSpan().SequenceEqual(files[file.Key]), file.Key));
        Assert.Equal(["README.md", "baseline.json"], files.Keys.Except(found.Keys).Order(StringComparer.Ordinal));
        Assert.Empty(Begun());
    }

    [Fact]
    public async Task A_repository_is_taken_wherever_a_folder_is()
    {
        await using var server = await HubServer.Start(Tiny, HubServer.FilesOf(ShippedModel.Folder("tiny-sana")));

        var info = await Run(server, "info", Tiny, "--json");
        Assert.True(info.ExitCode == 0, info.Error);
        Assert.Equal(Tiny, JsonDocument.Parse(info.Output).RootElement.GetProperty("checkpoint").GetProperty("name").GetString());
        Assert.Matches(@"^fetch: owner/tiny-sana: [0-9.]+ [kMG]?B of [0-9.]+ MB, 0 of [0-9]+ files", info.Error);

        var built = await Run(server, "build", $"{Tiny}@{server.Commit}");
        Assert.True(built.ExitCode == 0, built.Error);
        Assert.DoesNotContain("fetch:", built.Error, StringComparison.Ordinal);

        string[] draw = ["generate", "-c", Tiny, "-p", "a red circle", "--steps", "2", "--width", "64", "--height", "64", "--data", _folder.File("data"), "--json"];
        var drawn = await Run(server, draw);
        Assert.True(drawn.ExitCode == 0, drawn.Error);
        Assert.Equal(Tiny, JsonDocument.Parse(await File.ReadAllTextAsync(_folder.File("data/host.json"))).RootElement.GetProperty("checkpoint").GetString());

        // Without a network the same run is found whole.
        await server.DisposeAsync();
        var offline = await Run(server, [("HF_HUB_OFFLINE", "1")], draw);
        Assert.True(offline.ExitCode == 0, offline.Error);
        Assert.Equal(1, JsonDocument.Parse(offline.Output).RootElement.GetProperty("skipped").GetInt64());
    }

    [Fact]
    public async Task Curation_takes_captioners_and_Clip_from_the_Hub()
    {
        var source = Directory.CreateDirectory(_folder.File("source")).FullName;
        File.Copy(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.png").First(), Path.Combine(source, "a.png"));
        await using var server = await HubServer.Start("owner/tiny-clip", HubServer.FilesOf(ShippedModel.Folder("tiny-clip")));
        server.Add("owner/terse", HubServer.FilesOf(ShippedModel.Folder("tiny-captioner-terse")));
        await File.WriteAllTextAsync(_folder.File("captioners.json"), """{ "captioners": [{ "label": "terse", "kind": "onnx", "checkpoint": "owner/terse" }] }""");

        var run = await Run(server, "curate", source, "--dataset", "one", "--captioners", _folder.File("captioners.json"), "--clip", "owner/tiny-clip", "--data", _folder.File("data"), "-o", _folder.File("out"));

        Assert.True(run.ExitCode == 0, run.Error);
        var config = await File.ReadAllTextAsync(_folder.File("out/datasets/one/v1/config.json"));
        Assert.Contains("\"scorer\":{\"name\":\"owner-tiny-clip\"", config, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sana_serve_draws_with_a_repository()
    {
        await using var server = await HubServer.Start(Tiny, HubServer.FilesOf(ShippedModel.Folder("tiny-sana")));
        using var process = Start(server, [], "serve", "-c", Tiny, "--data", _folder.File("data"), "--urls", "http://127.0.0.1:0", "--json");
        var errors = process.StandardError.ReadToEndAsync();
        var said = JsonDocument.Parse((await process.StandardOutput.ReadLineAsync())!).RootElement;
        using var ready = new HttpClient { BaseAddress = new Uri(said.GetProperty("page").GetString()!) };
        for (var patience = Stopwatch.StartNew(); (await ready.GetAsync("readyz")).StatusCode != System.Net.HttpStatusCode.OK; await Task.Delay(100))
            Assert.True(patience.Elapsed < TimeSpan.FromMinutes(1), "The server did not become ready.");
        using var http = new HttpClient { BaseAddress = new Uri(said.GetProperty("base_url").GetString()! + "/"), Timeout = TimeSpan.FromMinutes(2) };

        using var answer = await http.PostAsync("images/generations", new StringContent("""{"prompt":"a red circle","width":64,"height":64,"steps":2}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")));

        SanaProgram.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync() + await errors);
    }

    [Fact]
    public async Task A_folder_wins_and_what_is_neither_is_one_sentence()
    {
        await using var server = await HubServer.Start(Tiny, HubServer.FilesOf(ShippedModel.Folder("tiny-sana")));
        SmallCheckpoint.CopyTo(_folder.File(Tiny));

        var folder = await Run(server, "fetch", Tiny);
        Assert.Equal((0, _folder.File(Tiny) + "\n"), (folder.ExitCode, folder.Output));
        Assert.Empty(server.Calls);

        await Refused(server, 2, "There is no checkpoint folder 'owner/a/b', and that is no repository of the Hugging Face Hub either; give the folder that holds model_index.json, or owner/name[@revision].", "generate", "-c", "owner/a/b", "-p", "a");
        // Beside a folder that is there it is a mistyped path, and nobody is asked.
        await Refused(server, 2, "There is no checkpoint folder 'owner/nothing', and that is no repository of the Hugging Face Hub either; give the folder that holds model_index.json, or hf:owner/nothing if it is one.", "generate", "-c", "owner/nothing", "-p", "a");
        await Refused(server, 2, "There is no checkpoint folder 'name', and that is no repository", "fetch", "name");
        await Refused(server, 2, $"'{Tiny}@a' names a revision and --revision is 'b'; give one of them.", "fetch", $"{Tiny}@a", "--revision", "b");
        await Refused(server, 1, $"There is no folder 'stranger/nothing' here, and {server.Endpoint} has no model repository of that name, or shows it only to some: check the name, or set HF_TOKEN", "generate", "-c", "stranger/nothing", "-p", "a");
        await Refused(server, 1, $"There is no folder 'stranger/nothing' here, and {server.Endpoint} has no model repository", "serve", "-c", "stranger/nothing", "--data", _folder.File("data"), "--urls", "http://127.0.0.1:0");
    }

    [Fact]
    public async Task A_full_disk_is_one_sentence_and_the_rest_comes_later()
    {
        await using var server = await HubServer.Start(Tiny, HubServer.FilesOf(ShippedModel.Folder("tiny-sana")));

        // A limit of the size of files, in blocks of 1 kB, is what a full disk is for one process.
        var start = Prepared(server, new ProcessStartInfo("bash", ["-c", "ulimit -f 300; exec \"$0\" \"$@\"", SanaProgram.Executable, "fetch", Tiny]));
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // the runtime's own file of that would be too long
        using var limited = Process.Start(start)!;
        var failed = await SanaProgram.Finish(limited);

        Assert.Equal(1, failed.ExitCode);
        Assert.Equal($"sana: Cannot write {_folder.File("cache")}: the disk is full; free some space and run the same command again, it goes on where it stopped.", failed.Error.TrimEnd().Split('\n')[^1]);
        var begun = Begun();
        Assert.Contains(begun.Values, length => length == 300 * 1024);
        Assert.Equal(0, (await Run(server, [("HF_TOKEN", "last")], "fetch", Tiny)).ExitCode);
        GoesOn(server, "last", begun);
    }

    [Fact]
    public async Task Wrong_bytes_and_a_revoked_token_are_one_sentence()
    {
        var files = HubServer.FilesOf(ShippedModel.Folder("tiny-clip"));
        await using var wrong = await HubServer.Start("owner/clip", files, call => call.Kind == "cdn" ? HubFault.WrongBytes : HubFault.None);
        await Refused(wrong, 1, "model.safetensors of owner/clip came twice from", "fetch", "owner/clip");

        await using var revoked = await HubServer.Start("owner/clip", files, call => call.Token is not null && call.Kind == "resolve" ? HubFault.BadToken : HubFault.None);
        var error = await Run(revoked, [("HF_TOKEN", "hf_secret")], "fetch", "owner/clip");
        Assert.Equal(1, error.ExitCode);
        Assert.StartsWith("sana: The token of HF_TOKEN is not valid, or was revoked: make a new one at", error.Error.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("hf_secret", error.Error, StringComparison.Ordinal);
    }

    // A process asks for each file once at most, from where its bytes on the disk end.
    [Fact]
    public async Task An_adapter_and_a_decoder_may_be_repositories_too()
    {
        await using var server = await HubServer.Start("owner/sana", HubServer.FilesOf(Path.Combine(Fixtures.Sana, "checkpoints", "sana")));
        server.Add("owner/style", HubServer.FilesOf(Path.Combine(Fixtures.Adapters, "lora", "sana", "wide")));
        server.Add("owner/light", HubServer.FilesOf(Path.Combine(Fixtures.Adapters, "light-decoder")));
        string[] draw = ["generate", "-c", "owner/sana", "-p", "a cat", "--size", "64x64", "--no-binning", "--steps", "2", "--lora", "owner/style:0.5", "--decoder", "owner/light", "--out", _folder.File("out"), "--json"];

        var drawn = await Run(server, draw);
        var info = await Run(server, "info", "owner/style");

        Assert.True(drawn.ExitCode == 0, drawn.Error);
        var manifest = File.ReadAllText(_folder.File($"out/{JsonDocument.Parse(drawn.Output).RootElement.GetProperty("manifest").GetString()}"));
        Assert.Contains("\"name\":\"owner/style\"", manifest, StringComparison.Ordinal);
        Assert.Contains("\"decoder\":\"owner/light\"", manifest, StringComparison.Ordinal);
        Assert.Contains("LoRA in the names of diffusers", info.Output, StringComparison.Ordinal);
    }

    private static void GoesOn(HubServer server, string token, Dictionary<string, long> begun)
    {
        foreach (var one in server.Calls
            .Where(call => call.Caller == $"Bearer {token}" && (call.Kind is "cdn" || (call.Kind == "resolve" && !call.Path.EndsWith(".safetensors", StringComparison.Ordinal))))
            .GroupBy(call => call.Path))
            Assert.Equal(begun.GetValueOrDefault(HubServer.HashOf(one.Key, server.Files[one.Key])), Assert.Single(one).From);
    }

    // Hash → bytes on the disk of files that are not whole.
    private Dictionary<string, long> Begun() => !Directory.Exists(_folder.File("cache")) ? [] : Directory.EnumerateFiles(_folder.File("cache"), "*.sana.incomplete", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetFileName(file).Split('.')[0], file => new FileInfo(file).Length);

    private async Task Grown(long bytes)
    {
        for (var patience = Stopwatch.StartNew(); OnDisk() < bytes; await Task.Delay(20))
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(40), $"Not {bytes} bytes came to the disk.");
    }

    // Files that have become whole count too.
    private long OnDisk() => !Directory.Exists(_folder.File("cache")) ? 0 : new DirectoryInfo(_folder.File("cache")).EnumerateFiles("*", SearchOption.AllDirectories)
        .Sum(file => file.LinkTarget is null && file.Exists ? file.Length : 0);

    private string Snapshot(HubServer server) => _folder.File($"cache/models--{server.Repository.Replace("/", "--", StringComparison.Ordinal)}/snapshots/{server.Commit}");

    private async Task Refused(HubServer server, int exitCode, string sentence, params string[] arguments)
    {
        var run = await Run(server, arguments);
        Assert.True(exitCode == run.ExitCode, run.Error + run.Output);
        Assert.StartsWith($"sana: {sentence}", run.Error.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
    }

    private Task<Finished> Run(HubServer server, params string[] arguments) => Run(server, [], arguments);

    private async Task<Finished> Run(HubServer server, (string Name, string Value)[] variables, params string[] arguments)
    {
        using var process = Start(server, variables, arguments);
        return await SanaProgram.Finish(process);
    }

    private Process Start(HubServer server, (string Name, string Value)[] variables, params string[] arguments)
    {
        var start = Prepared(server, new ProcessStartInfo(SanaProgram.Executable, arguments));
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private ProcessStartInfo Prepared(HubServer server, ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError, start.RedirectStandardInput, start.WorkingDirectory) = (true, true, true, _folder.Path);
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("HF_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["HF_ENDPOINT"] = server.Endpoint.ToString();
        start.Environment["HF_HOME"] = _folder.File("home");
        start.Environment["HF_HUB_CACHE"] = _folder.File("cache");
        return start;
    }
}
