using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

/// <summary>What is downloaded, and what is not.</summary>
public sealed class HubRepositoryTests : HubDownloadTests
{
    [Fact]
    public async Task A_repository_becomes_aFolder_of_the_shared_cache()
    {
        await using var server = await HubServer.Start("owner/name", Files);

        var folder = await Fetch(server);

        Assert.Equal(Path.Combine(Cache, "snapshots", server.Commit), folder);
        Same(folder, Files);
        Assert.Equal(server.Commit, File.ReadAllText(Path.Combine(Cache, "refs", "main")));
        Assert.Equal($"../../../blobs/{HubServer.HashOf(Large, Files[Large])}", new FileInfo(Path.Combine(folder, Large)).LinkTarget);
        Assert.Equal($"../../blobs/{HubServer.HashOf("config.json", Files["config.json"])}", new FileInfo(Path.Combine(folder, "config.json")).LinkTarget);
        Assert.Equal(Files.Select(file => HubServer.HashOf(file.Key, file.Value)).Order(), Blobs());
        var last = Seen[^1];
        Assert.Equal((4, 4, 2_200_008, 2_200_008, true), (last.Files, last.FilesDone, last.Bytes, last.BytesDone, last.IsLast));
    }

    [Fact]
    public async Task What_is_there_is_not_asked_for_again()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        var folder = await Fetch(server);
        var before = server.Calls.Count;

        Assert.Equal(folder, await Fetch(server));

        Assert.Equal("list", Assert.Single(server.Calls.Skip(before)).Kind);
    }

    [Fact]
    public async Task Only_what_is_wanted_comes()
    {
        await using var server = await HubServer.Start("owner/name", Files);

        var folder = await HubRepository.Fetch(Id, (names, _) => [.. names.Where(name => name.EndsWith(".json", StringComparison.Ordinal))], Settings(server), null, default);

        Same(folder, new() { ["config.json"] = Files["config.json"] });
        Assert.Empty(server.Of("cdn"));
    }

    [Fact]
    public async Task A_new_commit_takes_only_what_changed()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        var first = await Fetch(server);
        var before = server.Calls.Count;
        server.Commit = new string('b', 40);

        var second = await Fetch(server);

        Assert.NotEqual(first, second);
        Same(second, Files);
        Assert.All(server.Calls.Skip(before), call => Assert.True(call.Kind is "list" or "head"));
    }

    [Fact]
    public async Task A_file_that_was_begun_is_gone_on_with()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        Begin(Large, Files[Large][..600_001]);

        Same(await Fetch(server), Files);

        Assert.Equal(600_001, Assert.Single(server.Of("cdn", Large)).From);
        Assert.DoesNotContain(Blobs(), name => name.EndsWith(".incomplete", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_had_come_whole_is_not_asked_for()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        Begin(Large, Files[Large]);

        Same(await Fetch(server), Files);

        Assert.Empty(server.Of("cdn", Large));
    }

    [Theory]
    [InlineData(600_000)]
    [InlineData(1_500_000)]
    [InlineData(1_600_000)]
    public async Task A_beginning_that_is_damaged_or_too_long_is_thrown_away(int length)
    {
        await using var server = await HubServer.Start("owner/name", Files);
        Begin(Large, Noise(length, 9));

        Same(await Fetch(server), Files);

        Assert.Equal(0, server.Of("cdn", Large)[^1].From);
    }

    [Fact]
    public async Task Offline_takes_what_is_there_and_asks_nobody()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        var offline = Settings(server) with { IsOffline = true };
        var error = await Assert.ThrowsAsync<SanaException>(() => HubRepository.Fetch(Id, (names, _) => names, offline, null, default));
        Assert.StartsWith($"There is no folder 'owner/name' here, and owner/name is not whole in {Folder.Path}; HF_HUB_OFFLINE says that nothing is asked of the network: run sana fetch owner/name without it once.", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Calls);

        var folder = await Fetch(server);
        var before = server.Calls.Count;

        Assert.Equal(folder, await HubRepository.Fetch(Id, (names, _) => names, offline, null, default));
        Assert.Equal(folder, await HubRepository.Fetch(Id with { Revision = server.Commit }, (names, _) => names, offline, null, default));
        Assert.Equal(before, server.Calls.Count);
    }

    [Fact]
    public async Task Without_a_network_the_cache_is_used_and_that_is_said()
    {
        HubSettings settings;
        string folder;
        await using (var server = await HubServer.Start("owner/name", Files))
        {
            settings = Settings(server);
            folder = await Fetch(server);
        }

        Assert.Equal(folder, await HubRepository.Fetch(Id, (names, _) => names, settings, new Reports(Seen), default));
        Assert.StartsWith($"{settings.Endpoint} cannot be asked, so the cache is used: ", Seen[^1].Note, StringComparison.Ordinal);

        var error = await Assert.ThrowsAsync<SanaException>(() => HubRepository.Fetch(new HubId("owner/other"), (names, _) => names, settings, null, default));
        Assert.StartsWith($"There is no folder 'owner/other' here, and {settings.Endpoint} cannot be asked for a repository of that name: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_a_repository_is_not_taken_for_a_whole_one()
    {
        await using var server = await HubServer.Start("owner/name", Files, call => call is { Kind: "cdn", Path: Large } ? HubFault.Unavailable : HubFault.None);
        await Assert.ThrowsAsync<SanaException>(() => Fetch(server));
        Directory.CreateDirectory(Path.Combine(Cache, "refs"));
        await File.WriteAllTextAsync(Path.Combine(Cache, "refs", "main"), server.Commit);

        var error = await Assert.ThrowsAsync<SanaException>(() =>
            HubRepository.Fetch(Id, (names, _) => names.Contains(Large) ? names : throw new InvalidOperationException("no weights"), Settings(server) with { IsOffline = true }, null, default));

        Assert.Contains("owner/name is not whole in", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_is_whole_need_not_be_writable()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        var folder = await Fetch(server);
        var before = Times();

        Assert.Equal(folder, await Fetch(server));

        Assert.Equal(before, Times());
        string[] Times() => [.. Directory.EnumerateFileSystemEntries(Folder.Path, "*", SearchOption.AllDirectories).Select(entry => $"{entry} {File.GetLastWriteTimeUtc(entry).Ticks}").Order(StringComparer.Ordinal)];
    }

    [Fact]
    public async Task A_repository_that_was_renamed_is_found()
    {
        await using var server = await HubServer.Start("owner/name", Files);

        var folder = await HubRepository.Fetch(new HubId("former/name"), (names, _) => names, Settings(server, "hf_a"), null, default);

        Assert.Equal(Folder.File($"models--former--name/snapshots/{server.Commit}"), folder);
        Same(folder, Files);
    }

    [Fact]
    public async Task Several_at_once_download_once()
    {
        await using var server = await HubServer.Start("owner/name", Files);

        var folders = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Task.Run(() => HubRepository.Fetch(Id, (names, _) => names, Settings(server), null, default))));

        Same(Assert.Single(folders.Distinct()), Files);
        Assert.Equal(2, server.Of("cdn").Length);
    }

    [Fact]
    public async Task A_link_that_leads_nowhere_is_made_again()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        var folder = await Fetch(server);
        File.Delete(Path.Combine(Cache, "blobs", HubServer.HashOf(Large, Files[Large])));

        Same(await Fetch(server), Files);
        Assert.True(Directory.Exists(folder));
    }

    // No file system without links can be mounted here, so the test says that there are none.
    [Fact]
    public void Where_no_links_can_be_made_files_are_copied()
    {
        var cache = new HubCache(Folder.Path, Id, (_, _) => throw new UnauthorizedAccessException("Operation not permitted"));
        var (commit, hash) = (new string('a', 40), HubServer.HashOf(Large, Files[Large]));
        cache.Prepare();
        File.WriteAllBytes(cache.Blob(hash), Files[Large]);

        cache.Link(commit, Large, hash);
        cache.Link(commit, Large, hash);

        var copy = new FileInfo(Path.Combine(cache.Snapshot(commit), Large));
        Assert.Null(copy.LinkTarget);
        Assert.Equal(Files[Large], File.ReadAllBytes(copy.FullName));
        Assert.True(cache.Has(commit, Large));
        Assert.Equal([copy.Name], copy.Directory!.EnumerateFiles().Select(file => file.Name));
    }

    [Fact]
    public async Task Stopped_it_goes_on_later()
    {
        await using var server = await HubServer.Start("owner/name", Files);
        using var stop = new CancellationTokenSource();
        var spent = server.Allow(900_000);
        var first = HubRepository.Fetch(Id, (names, _) => names, Settings(server), null, stop.Token);
        await spent;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var begun = new FileInfo(Path.Combine(Cache, "blobs", HubServer.HashOf(Large, Files[Large]) + ".sana.incomplete"));
        Assert.True(begun.Exists);
        var length = begun.Length;

        _ = server.Allow(long.MaxValue);
        Same(await Fetch(server), Files);
        Assert.Equal(length, server.Of("cdn", Large)[^1].From);
    }

    [Fact]
    public void Progress_is_a_line()
    {
        var progress = new HubProgress("a/b", 14, 3, 9_600_000_000, 1_200_000_000, 85_000_000);

        Assert.Equal("a/b: 1.2 GB of 9.6 GB, 3 of 14 files, 85 MB/s, 0:01:39 left", progress.ToString());
        Assert.Equal("a/b: 0 B of 9.6 GB, 0 of 14 files", new HubProgress("a/b", 14, 0, 9_600_000_000, 0, 0).ToString());
    }
}
