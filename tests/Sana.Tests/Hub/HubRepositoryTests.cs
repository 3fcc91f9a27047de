using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

/// <summary>Downloads against a server that behaves, and misbehaves, as the Hub does.</summary>
public sealed class HubRepositoryTests : IDisposable
{
    private const string Large = "transformer/model.safetensors";
    private static readonly HubId _id = new("owner/name");

    private static readonly Dictionary<string, byte[]> _files = new()
    {
        ["config.json"] = "{\"a\": 1}"u8.ToArray(),
        ["empty.txt"] = [],
        [Large] = Noise(1_500_000, 1),
        ["vae/model.safetensors"] = Noise(700_000, 2),
    };

    private readonly TempFolder _folder = new();
    private readonly List<HubProgress> _reports = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_repository_becomes_a_folder_of_the_shared_cache()
    {
        await using var server = await HubServer.Start("owner/name", _files);

        var folder = await Fetch(server);

        Assert.Equal(Path.Combine(Cache, "snapshots", server.Commit), folder);
        Same(folder, _files);
        Assert.Equal(server.Commit, File.ReadAllText(Path.Combine(Cache, "refs", "main")));
        Assert.Equal($"../../../blobs/{HubServer.HashOf(Large, _files[Large])}", new FileInfo(Path.Combine(folder, Large)).LinkTarget);
        Assert.Equal($"../../blobs/{HubServer.HashOf("config.json", _files["config.json"])}", new FileInfo(Path.Combine(folder, "config.json")).LinkTarget);
        Assert.Equal(_files.Select(file => HubServer.HashOf(file.Key, file.Value)).Order(), Blobs());
        var last = _reports[^1];
        Assert.Equal((4, 4, 2_200_008, 2_200_008, true), (last.Files, last.FilesDone, last.Bytes, last.BytesDone, last.IsLast));
    }

    [Fact]
    public async Task What_is_there_is_not_asked_for_again()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        var folder = await Fetch(server);
        var before = server.Calls.Count;

        Assert.Equal(folder, await Fetch(server));

        Assert.Equal("list", Assert.Single(server.Calls.Skip(before)).Kind);
    }

    [Fact]
    public async Task Only_what_is_wanted_comes()
    {
        await using var server = await HubServer.Start("owner/name", _files);

        var folder = await HubRepository.Fetch(_id, (names, _) => [.. names.Where(name => name.EndsWith(".json", StringComparison.Ordinal))], Settings(server), null, default);

        Same(folder, new() { ["config.json"] = _files["config.json"] });
        Assert.Empty(server.Of("cdn"));
    }

    [Fact]
    public async Task A_new_commit_takes_only_what_changed()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        var first = await Fetch(server);
        var before = server.Calls.Count;
        server.Commit = new string('b', 40);

        var second = await Fetch(server);

        Assert.NotEqual(first, second);
        Same(second, _files);
        Assert.All(server.Calls.Skip(before), call => Assert.True(call.Kind is "list" or "head"));
    }

    [Fact]
    public async Task A_file_that_was_begun_is_gone_on_with()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        Begin(Large, _files[Large][..600_001]);

        Same(await Fetch(server), _files);

        Assert.Equal(600_001, Assert.Single(server.Of("cdn", Large)).From);
        Assert.DoesNotContain(Blobs(), name => name.EndsWith(".incomplete", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_had_come_whole_is_not_asked_for()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        Begin(Large, _files[Large]);

        Same(await Fetch(server), _files);

        Assert.Empty(server.Of("cdn", Large));
    }

    [Theory]
    [InlineData(600_000)]
    [InlineData(1_500_000)]
    [InlineData(1_600_000)]
    public async Task A_beginning_that_is_damaged_or_too_long_is_thrown_away(int length)
    {
        await using var server = await HubServer.Start("owner/name", _files);
        Begin(Large, Noise(length, 9));

        Same(await Fetch(server), _files);

        Assert.Equal(0, server.Of("cdn", Large)[^1].From);
    }

    [Theory]
    [InlineData(HubFault.IgnoresRange)]
    [InlineData(HubFault.NotSatisfiable)]
    public async Task A_server_without_ranges_sends_the_whole(HubFault fault)
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call.Kind == "cdn" && call.From > 0 ? fault : HubFault.None);
        Begin(Large, _files[Large][..600_000]);

        Same(await Fetch(server), _files);
    }

    [Theory]
    [InlineData(HubFault.Cut)]
    [InlineData(HubFault.Unavailable)]
    [InlineData(HubFault.TooManyRequests)]
    [InlineData(HubFault.Expired)]
    public async Task Faults_that_pass_are_waited_for_and_cost_no_byte(HubFault fault)
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call.Kind == "cdn" && call.Number <= 3 ? fault : HubFault.None);

        Same(await Fetch(server), _files);

        // How much of what the server sent arrives before a cut is chance; what did is not asked for again.
        var starts = server.Of("cdn", Large).Select(call => call.From).ToArray();
        Assert.Equal((4, 0), (starts.Length, starts[0]));
        Assert.Equal(starts.Order(), starts);
        Assert.Equal(fault == HubFault.Cut, starts[^1] > 0);
        Assert.Contains(_reports, report => report.Note?.StartsWith($"{Large} is asked for again in 0 s: ", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("head")]
    [InlineData("resolve")]
    public async Task So_are_those_of_the_endpoint(string kind)
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call.Kind == kind && call.Number == 1 ? HubFault.TooManyRequests : HubFault.None);

        Same(await Fetch(server), _files);
    }

    [Fact]
    public async Task Faults_that_do_not_pass_are_one_sentence()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call is { Kind: "cdn", Path: Large } ? HubFault.Unavailable : HubFault.None);

        var error = await Assert.ThrowsAsync<SanaException>(() => Fetch(server));

        Assert.Equal($"{Large} of owner/name did not come from {server.Endpoint} in 4 attempts: 127.0.0.1 answered 503; run the same command again, it goes on where it stopped.", error.Message);
        Assert.Equal(4, server.Of("cdn", Large).Length);
        Assert.False(File.Exists(Path.Combine(Cache, "refs", "main")));
    }

    [Fact]
    public async Task A_silent_server_is_given_up()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call is { Kind: "cdn", Path: Large, Number: 1 } ? HubFault.Silent : HubFault.None);

        Same(await HubRepository.Fetch(_id, (names, _) => names, Settings(server) with { Patience = TimeSpan.FromSeconds(1) }, null, default), _files);

        Assert.Equal(2, server.Of("cdn", Large).Length);
    }

    [Fact]
    public async Task Wrong_bytes_never_get_the_name()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call is { Kind: "cdn", Path: Large } ? HubFault.WrongBytes : HubFault.None);

        var error = await Assert.ThrowsAsync<SanaException>(() => Fetch(server));

        Assert.Matches($"^{Large} of owner/name came twice from {server.Endpoint} with other bytes than it should have: their hash is [0-9a-f]{{64}}, not {HubServer.HashOf(Large, _files[Large])}; nothing of them was kept", error.Message);
        Assert.DoesNotContain(HubServer.HashOf(Large, _files[Large]), Blobs());
        Assert.False(Path.Exists(Path.Combine(Cache, "snapshots", server.Commit, Large)));
    }

    [Fact]
    public async Task So_is_a_small_file_checked()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call is { Kind: "resolve", Path: "config.json" } ? HubFault.WrongBytes : HubFault.None);

        Assert.StartsWith("config.json of owner/name came twice", (await Assert.ThrowsAsync<SanaException>(() => Fetch(server))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_is_for_the_endpoint_alone()
    {
        await using var server = await HubServer.Start("owner/name", _files);

        await Fetch(server, token: "hf_secret");

        Assert.All(server.Calls, call => Assert.Equal(call.Kind == "cdn" ? null : "Bearer hf_secret", call.Token));
        Assert.NotEmpty(server.Of("cdn"));
    }

    [Theory]
    [InlineData(HubFault.GatedRepo, null, "owner/name is gated: accept its terms at {0}owner/name and set HF_TOKEN to a token of the account that did.")]
    [InlineData(HubFault.GatedRepo, "hf_a", "owner/name is gated, and the account of HF_TOKEN has not accepted its terms")]
    [InlineData(HubFault.BadToken, "hf_a", "The token of HF_TOKEN is not valid, or was revoked: make a new one at {0}settings/tokens")]
    [InlineData(HubFault.Forbidden, "hf_a", "{0} does not let the token of HF_TOKEN read owner/name (403: This token has no such right): set HF_TOKEN to one that may.")]
    [InlineData(HubFault.RepoNotFound, null, "There is no folder 'owner/name' here, and {0} has no model repository of that name, or shows it only to some: check the name, or set HF_TOKEN")]
    [InlineData(HubFault.RepoNotFound, "hf_a", "There is no folder 'owner/name' here, and {0} has no model repository of that name")]
    [InlineData(HubFault.RevisionNotFound, null, "owner/name has no revision 'main': give a branch, a tag or a commit that {0}owner/name shows")]
    public async Task Refusals_are_one_sentence_and_are_not_tried_again(HubFault fault, string? token, string sentence)
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call.Kind == "list" ? fault : HubFault.None);

        var error = await Assert.ThrowsAsync<UnusableJobException>(() => Fetch(server, token));

        Assert.StartsWith(string.Format(null, sentence, server.Endpoint), error.Message, StringComparison.Ordinal);
        Assert.Single(server.Calls);
    }

    [Fact]
    public async Task A_token_that_is_revoked_while_files_come_is_one_sentence()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call.Kind == "resolve" ? HubFault.BadToken : HubFault.None);

        Assert.StartsWith("The token of HF_TOKEN is not valid, or was revoked", (await Assert.ThrowsAsync<UnusableJobException>(() => Fetch(server, "hf_a"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_Hub_is_said_to_be_none()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => HubFault.NoHub);

        Assert.StartsWith($"{server.Endpoint} did not answer as the Hub does", (await Assert.ThrowsAsync<SanaException>(() => Fetch(server))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offline_takes_what_is_there_and_asks_nobody()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        var offline = Settings(server) with { IsOffline = true };
        var error = await Assert.ThrowsAsync<SanaException>(() => HubRepository.Fetch(_id, (names, _) => names, offline, null, default));
        Assert.StartsWith($"There is no folder 'owner/name' here, and owner/name is not whole in {_folder.Path}; HF_HUB_OFFLINE says that nothing is asked of the network: run sana fetch owner/name without it once.", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Calls);

        var folder = await Fetch(server);
        var before = server.Calls.Count;

        Assert.Equal(folder, await HubRepository.Fetch(_id, (names, _) => names, offline, null, default));
        Assert.Equal(folder, await HubRepository.Fetch(_id with { Revision = server.Commit }, (names, _) => names, offline, null, default));
        Assert.Equal(before, server.Calls.Count);
    }

    [Fact]
    public async Task Without_a_network_the_cache_is_used_and_that_is_said()
    {
        HubSettings settings;
        string folder;
        await using (var server = await HubServer.Start("owner/name", _files))
        {
            settings = Settings(server);
            folder = await Fetch(server);
        }

        Assert.Equal(folder, await HubRepository.Fetch(_id, (names, _) => names, settings, new Reports(_reports), default));
        Assert.StartsWith($"{settings.Endpoint} cannot be asked, so the cache is used: ", _reports[^1].Note, StringComparison.Ordinal);

        var error = await Assert.ThrowsAsync<SanaException>(() => HubRepository.Fetch(new HubId("owner/other"), (names, _) => names, settings, null, default));
        Assert.StartsWith($"There is no folder 'owner/other' here, and {settings.Endpoint} cannot be asked for a repository of that name: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_a_repository_is_not_taken_for_a_whole_one()
    {
        await using var server = await HubServer.Start("owner/name", _files, call => call is { Kind: "cdn", Path: Large } ? HubFault.Unavailable : HubFault.None);
        await Assert.ThrowsAsync<SanaException>(() => Fetch(server));
        Directory.CreateDirectory(Path.Combine(Cache, "refs"));
        await File.WriteAllTextAsync(Path.Combine(Cache, "refs", "main"), server.Commit);

        var error = await Assert.ThrowsAsync<SanaException>(() =>
            HubRepository.Fetch(_id, (names, _) => names.Contains(Large) ? names : throw new InvalidOperationException("no weights"), Settings(server) with { IsOffline = true }, null, default));

        Assert.Contains("owner/name is not whole in", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_is_whole_need_not_be_writable()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        var folder = await Fetch(server);
        var before = Times();

        Assert.Equal(folder, await Fetch(server));

        Assert.Equal(before, Times());
        string[] Times() => [.. Directory.EnumerateFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Select(entry => $"{entry} {File.GetLastWriteTimeUtc(entry).Ticks}").Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task A_repository_that_was_renamed_is_found()
    {
        await using var server = await HubServer.Start("owner/name", _files);

        var folder = await HubRepository.Fetch(new HubId("former/name"), (names, _) => names, Settings(server, "hf_a"), null, default);

        Assert.Equal(_folder.File($"models--former--name/snapshots/{server.Commit}"), folder);
        Same(folder, _files);
    }

    [Fact]
    public async Task Several_at_once_download_once()
    {
        await using var server = await HubServer.Start("owner/name", _files);

        var folders = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Task.Run(() => HubRepository.Fetch(_id, (names, _) => names, Settings(server), null, default))));

        Same(Assert.Single(folders.Distinct()), _files);
        Assert.Equal(2, server.Of("cdn").Length);
    }

    [Fact]
    public async Task Names_that_lead_out_of_the_cache_are_not_taken()
    {
        await using var server = await HubServer.Start("owner/name", new Dictionary<string, byte[]>(_files) { ["../../evil.json"] = [1], ["/tmp/evil.json"] = [2], [".gitattributes"] = [3] });

        Same(await Fetch(server), _files);
    }

    [Fact]
    public async Task A_link_that_leads_nowhere_is_made_again()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        var folder = await Fetch(server);
        File.Delete(Path.Combine(Cache, "blobs", HubServer.HashOf(Large, _files[Large])));

        Same(await Fetch(server), _files);
        Assert.True(Directory.Exists(folder));
    }

    [Fact]
    public async Task Stopped_it_goes_on_later()
    {
        await using var server = await HubServer.Start("owner/name", _files);
        using var stop = new CancellationTokenSource();
        var spent = server.Allow(900_000);
        var first = HubRepository.Fetch(_id, (names, _) => names, Settings(server), null, stop.Token);
        await spent;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var begun = new FileInfo(Path.Combine(Cache, "blobs", HubServer.HashOf(Large, _files[Large]) + ".sana.incomplete"));
        Assert.True(begun.Exists);
        var length = begun.Length;

        _ = server.Allow(long.MaxValue);
        Same(await Fetch(server), _files);
        Assert.Equal(length, server.Of("cdn", Large)[^1].From);
    }

    [Fact]
    public void Progress_is_a_line()
    {
        var progress = new HubProgress("a/b", 14, 3, 9_600_000_000, 1_200_000_000, 85_000_000);

        Assert.Equal("a/b: 1.2 GB of 9.6 GB, 3 of 14 files, 85.0 MB/s, 0:01:39 left", progress.ToString());
        Assert.Equal("a/b: 0.0 kB of 9.6 GB, 0 of 14 files", new HubProgress("a/b", 14, 0, 9_600_000_000, 0, 0).ToString());
    }

    private string Cache => _folder.File("models--owner--name");

    private Task<string> Fetch(HubServer server, string? token = null) => HubRepository.Fetch(_id, (names, _) => names, Settings(server, token), new Reports(_reports), default);

    private HubSettings Settings(HubServer server, string? token = null) => new()
    {
        Endpoint = server.Endpoint,
        Cache = _folder.Path,
        Token = token,
        TokenPlace = token is null ? null : "HF_TOKEN",
        MaxAttempts = 4,
        FirstDelay = TimeSpan.FromMilliseconds(1),
    };

    private void Begin(string path, byte[] bytes)
    {
        Directory.CreateDirectory(Path.Combine(Cache, "blobs"));
        File.WriteAllBytes(Path.Combine(Cache, "blobs", HubServer.HashOf(path, _files[path]) + ".sana.incomplete"), bytes);
    }

    private string[] Blobs() => [.. Directory.EnumerateFiles(Path.Combine(Cache, "blobs")).Select(file => Path.GetFileName(file)).Order()];

    private static void Same(string folder, Dictionary<string, byte[]> files)
    {
        var found = HubServer.FilesOf(folder);
        Assert.Equal(files.Keys.Order(), found.Keys.Order());
        Assert.All(files, file => Assert.True(file.Value.AsSpan().SequenceEqual(found[file.Key]), file.Key));
    }

    private static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private sealed class Reports(List<HubProgress> kept) : IProgress<HubProgress>
    {
        public void Report(HubProgress value)
        {
            lock (kept)
                kept.Add(value);
        }
    }
}
