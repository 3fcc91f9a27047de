using System.Collections.Concurrent;
using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Hub;

/// <summary>Files to a dataset repository on a server that takes them as the Hub does.</summary>
public sealed class HubPushTests : IDisposable
{
    private const string Repository = "datasets/owner/name";
    private const string Tar = "shards/00000.tar";

    private static readonly Dictionary<string, byte[]> _files = new()
    {
        ["README.md"] = "# a card"u8.ToArray(),
        [Tar] = Noise(700_001, 1),
        ["shards/00000.parquet"] = Noise(5_000, 2),
        ["shards/00000_prompt.json"] = Noise(1_000, 3),
        ["shards/00001.tar"] = Noise(300_000, 4),
        ["shards/wids-meta.json"] = "{}"u8.ToArray(),
    };

    private readonly TempFolder _folder = new();
    private readonly List<HubProgress> _seen = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_repository_is_made_and_one_commit_fills_it(bool isPrivate)
    {
        await using var server = await Server();

        var made = await Push(server, _files, isPrivate: isPrivate);

        Holds(server, _files);
        Assert.Equal(isPrivate, server.IsPrivate(Repository));
        Assert.Equal((6, 6, 1_006_011, 0, 0, true), (made.Files, made.Sent, made.SentBytes, made.There, made.Removed, made.IsNew));
        Assert.Equal((server.Commit, $"{server.Endpoint}datasets/owner/name/tree/main"), (made.Commit, made.Page.ToString()));
        Assert.Equal("some v1", Assert.Single(server.Commits));
        Assert.Equal("commit", server.Calls.Last().Kind);
        Assert.All(server.Calls, call => Assert.Equal(call.Kind is "put" ? null : "Bearer hf_secret", call.Token));
        var last = _seen[^1];
        Assert.Equal((3, 3, 1_005_001, 1_005_001, true), (last.Files, last.FilesDone, last.Bytes, last.BytesDone, last.IsLast));
    }

    [Fact]
    public async Task The_same_push_again_sends_nothing()
    {
        await using var server = await Server();
        var first = await Push(server, _files);
        var before = server.Calls.Count;

        var second = await Push(server, _files);

        Assert.Equal((first.Commit, 0L, 6L, false, false), (second.Commit, second.Sent, second.There, second.IsCommitted, second.IsNew));
        Assert.All(server.Calls.Skip(before), call => Assert.True(call.Kind is "list" or "tree", call.Kind));
    }

    [Fact]
    public async Task What_the_store_has_of_a_push_without_a_commit_is_not_sent_again()
    {
        await using var server = await Server(call => call is { Kind: "commit", Number: 1 } ? HubFault.Forbidden : HubFault.None);
        await Assert.ThrowsAsync<UnusableJobException>(() => Push(server, _files));
        Assert.Equal(3, server.Of("put").Length);

        var made = await Push(server, _files);

        Holds(server, _files);
        Assert.Equal(3, server.Of("put").Length);
        Assert.Equal((3, 3), (made.Sent, made.There));
    }

    [Fact]
    public async Task Another_version_sends_what_is_new_and_takes_away_what_is_not_its_own()
    {
        await using var server = await Server();
        server.Add(Repository, new Dictionary<string, byte[]>(_files) { ["data/own.tar"] = Noise(10, 9), ["shards/notes.txt"] = [1] });
        var next = new Dictionary<string, byte[]>(_files) { ["README.md"] = "# another"u8.ToArray(), [Tar] = Noise(400_000, 8) };
        next.Remove("shards/00001.tar");

        var made = await Push(server, next);

        Holds(server, new(next) { ["data/own.tar"] = Noise(10, 9), ["shards/notes.txt"] = [1] });
        Assert.Equal((2, 3, 1, false), (made.Sent, made.There, made.Removed, made.IsNew));
        Assert.Single(server.Of("put"));
        Assert.Empty(server.Of("create"));
    }

    [Fact]
    public async Task Large_files_go_in_parts()
    {
        await using var server = await Server();
        server.PartBytes = 100_000;

        await Push(server, _files);

        Holds(server, _files);
        Assert.Equal(["00000.parquet"], server.Of("put").Select(call => _files.Single(file => HubServer.HashOf(file.Key, file.Value) == call.Path).Key.Split('/')[1]));
        Assert.Equal(8 + 3, server.Of("part").Length);
        Assert.All(server.Of("part"), call => Assert.Null(call.Token));
    }

    [Fact]
    public async Task A_branch_that_is_missing_is_made()
    {
        await using var server = await Server();
        server.Branches = new ConcurrentDictionary<string, bool> { ["main"] = true };

        var made = await Push(server, _files, "hf:owner/name@v2");

        Assert.Equal("v2", Assert.Single(server.Of("branch")).Path);
        Assert.Equal("datasets/owner/name@v2", made.Repository);
        Assert.All(server.Of("commit").Concat(server.Of("preupload")), call => Assert.Equal("v2", call.Path));
    }

    [Theory]
    [InlineData("list", HubFault.Unavailable)]
    [InlineData("create", HubFault.TooManyRequests)]
    [InlineData("tree", HubFault.Unavailable)]
    [InlineData("preupload", HubFault.TooManyRequests)]
    [InlineData("batch", HubFault.Unavailable)]
    [InlineData("put", HubFault.Cut)]
    [InlineData("put", HubFault.Unavailable)]
    [InlineData("put", HubFault.TooManyRequests)]
    [InlineData("put", HubFault.Expired)]
    [InlineData("put", HubFault.AnswerLost)]
    [InlineData("put", HubFault.WrongBytes)]
    [InlineData("part", HubFault.Cut)]
    [InlineData("part", HubFault.Unavailable)]
    [InlineData("part", HubFault.AnswerLost)]
    [InlineData("complete", HubFault.Unavailable)]
    [InlineData("complete", HubFault.AnswerLost)]
    [InlineData("verify", HubFault.TooManyRequests)]
    [InlineData("commit", HubFault.Unavailable)]
    [InlineData("commit", HubFault.Conflict)]
    [InlineData("commit", HubFault.AnswerLost)]
    public async Task Faults_that_pass_are_waited_for(string kind, HubFault fault)
    {
        await using var server = await Server(call => call.Kind == kind && call.Number == 1 ? fault : HubFault.None);
        server.PartBytes = kind is "part" or "complete" ? 100_000 : null;

        var made = await Push(server, _files);

        Holds(server, _files);
        Assert.Empty(server.SentAgain);
        Assert.Equal((server.Commit, 6L), (made.Commit, made.Sent + made.There));
        Assert.Single(server.Commits);
        // A commit whose answer is lost is found made.
        Assert.True(server.Of(kind).Length > 1 || (kind, fault) == ("commit", HubFault.AnswerLost));
        var last = _seen.Last(report => report.IsLast);
        Assert.Equal((last.Files, last.Bytes), (last.FilesDone, last.BytesDone));
    }

    [Theory]
    [InlineData("list", HubFault.BadToken, "The token of HF_TOKEN is not valid, or was revoked")]
    [InlineData("list", HubFault.NoHub, "{0} did not answer as the Hub does")]
    [InlineData("create", HubFault.Forbidden, "{0} does not let the token of HF_TOKEN write a new repository of owner/name (403: This token has no such right): set HF_TOKEN to one that may write there.")]
    [InlineData("create", HubFault.BadToken, "The token of HF_TOKEN is not valid, or was revoked: make a new one that may write at {0}settings/tokens.")]
    [InlineData("preupload", HubFault.Forbidden, "{0} does not let the token of HF_TOKEN write the list of files of owner/name (403")]
    [InlineData("preupload", HubFault.RepoNotFound, "{0} has no dataset 'datasets/owner/name' that the list of files could be written to (401: Repository not found): check the name, and that the token of HF_TOKEN may write there.")]
    [InlineData("preupload", HubFault.NoHub, "{0} did not answer as the Hub does")]
    [InlineData("batch", HubFault.Forbidden, "{0} does not let the token of HF_TOKEN write files of owner/name (403")]
    [InlineData("batch", HubFault.QuotaFull, "{0} has no room for files of owner/name (507: The quota is used up): make room there, or raise the quota")]
    [InlineData("batch", HubFault.ObjectRefused, "{0} has no room for shards/00000.tar of owner/name (507: The quota is used up)")]
    [InlineData("put", HubFault.QuotaFull, "{0} has no room for shards/0000")]
    [InlineData("put", HubFault.TooLarge, "{0} has no room for shards/0000")]
    [InlineData("put", HubFault.Unavailable, "shards/0000")]
    [InlineData("put", HubFault.WrongBytes, "{0} says twice that shards/0000")]
    [InlineData("verify", HubFault.WrongObject, "{0} says twice that shards/0000")]
    [InlineData("commit", HubFault.Forbidden, "{0} does not let the token of HF_TOKEN write the commit of owner/name (403")]
    [InlineData("commit", HubFault.TooLarge, "{0} has no room for the commit of owner/name (413: Too much)")]
    [InlineData("commit", HubFault.Conflict, "datasets/owner/name got a new commit each time that this push was at its end")]
    [InlineData("commit", HubFault.Unavailable, "{0} cannot be asked to take the files of datasets/owner/name: it answered 503; run the same command again later, what has arrived is not sent again.")]
    public async Task Faults_that_do_not_pass_are_one_sentence_and_no_commit(string kind, HubFault fault, string sentence)
    {
        await using var server = await Server(call => call.Kind == kind ? fault : HubFault.None);

        var error = await Assert.ThrowsAnyAsync<SanaException>(() => Push(server, _files));

        Assert.StartsWith(string.Format(null, sentence, server.Endpoint), error.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_secret", error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Commits);
    }

    [Fact]
    public async Task Retry_After_is_kept_to()
    {
        await using var server = await Server(call => call is { Kind: "put" or "commit", Number: 1 } ? HubFault.TooManyRequests : HubFault.None);

        // It says 0 seconds; the own delay would be an hour.
        await HubPush.Run(Id(), Of(_files), Options(false), Settings(server) with { FirstDelay = TimeSpan.FromHours(1) }, null, Cancellation);

        Holds(server, _files);
    }

    [Fact]
    public async Task A_silent_server_is_given_up_and_asked_again()
    {
        await using var server = await Server(call => call is { Kind: "put", Number: 1 } && call.Path == HubServer.HashOf(Tar, _files[Tar]) ? HubFault.Silent : HubFault.None);

        await HubPush.Run(Id(), Of(_files), Options(false), Settings(server) with { Patience = TimeSpan.FromSeconds(1) }, null, Cancellation);

        Holds(server, _files);
    }

    [Fact]
    public async Task Without_a_token_or_a_network_nobody_is_asked()
    {
        await using var server = await Server();

        var none = await Assert.ThrowsAsync<SanaException>(() => HubPush.Run(Id(), Of(_files), Options(false), Settings(server) with { Token = null }, null, Cancellation));
        var offline = await Assert.ThrowsAsync<SanaException>(() => HubPush.Run(Id(), Of(_files), Options(false), Settings(server) with { IsOffline = true }, null, Cancellation));

        Assert.Equal($"A push to datasets/owner/name needs a token that may write: make one at {server.Endpoint}settings/tokens and set HF_TOKEN to it.", none.Message);
        Assert.Equal($"A push to datasets/owner/name goes to {server.Endpoint}, and HF_HUB_OFFLINE says that nothing is asked of the network; unset it.", offline.Message);
        Assert.Empty(server.Calls);
    }

    [Fact]
    public async Task A_public_repository_is_not_taken_for_a_private_one()
    {
        await using var server = await Server();
        server.Add(Repository, _files);

        var error = await Assert.ThrowsAsync<UnusableJobException>(() => Push(server, _files, isPrivate: true));

        Assert.Equal($"datasets/owner/name is there and public; make it private at {server.Endpoint}datasets/owner/name/settings, or leave --private out.", error.Message);
    }

    [Theory]
    [InlineData(700_001, "shards/00000.tar is damaged: the SHA-256 of its bytes is ")]
    [InlineData(700_000, "shards/00000.tar is damaged: it has 700000 bytes and should have 700001; ")]
    public async Task A_damaged_file_is_never_committed(int length, string sentence)
    {
        await using var server = await Server();
        var damaged = Of(_files).Select(file => file.Path == Tar ? file with { Open = _ => Task.FromResult<Stream>(new MemoryStream(Noise(length, 77))) } : file);

        var error = await Assert.ThrowsAsync<SanaException>(() => HubPush.Run(Id(), [.. damaged], Options(false), Settings(server), null, Cancellation));

        Assert.StartsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.Empty(server.Commits);
        Assert.DoesNotContain(HubServer.HashOf(Tar, _files[Tar]), server.Objects.Keys);
    }

    [Theory]
    [InlineData("hf:owner/name", "datasets/owner/name")]
    [InlineData("hf:datasets/owner/name@v2", "datasets/owner/name@v2")]
    [InlineData("owner/name", null)]
    [InlineData("hf:datasets/name", null)]
    [InlineData("hf:models/name", null)]
    [InlineData("hf:owner", null)]
    [InlineData("hf:owner/name@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", null)]
    public void A_target_is_a_dataset_and_a_branch(string text, string? expected) => Assert.Equal(expected, HubId.TryParseTarget(text, out var id) ? id.ToString() : null);

    private static async Task<HubServer> Server(Func<HubCall, HubFault>? plan = null) =>
        await HubServer.Start("datasets/other/one", new Dictionary<string, byte[]>(), plan);

    private Task<PushSummary> Push(HubServer server, Dictionary<string, byte[]> files, string target = "hf:owner/name", bool isPrivate = false) =>
        HubPush.Run(Id(target), Of(files), Options(isPrivate), Settings(server), new Reports(_seen), Cancellation);

    private static HubId Id(string target = "hf:owner/name") => HubId.TryParseTarget(target, out var id) ? id : throw new ArgumentException(target);

    private static PushOptions Options(bool isPrivate) => new()
    {
        Summary = "some v1",
        IsOurs = path => path.StartsWith("shards/", StringComparison.Ordinal) && !path.EndsWith(".txt", StringComparison.Ordinal),
        IsPrivate = isPrivate,
    };

    // Of tars the hash is known, as from a manifest.
    private static PushFile[] Of(Dictionary<string, byte[]> files) => [.. files.Select(file => new PushFile(
        file.Key, file.Value.Length, file.Key.EndsWith(".tar", StringComparison.Ordinal) ? HubServer.HashOf(file.Key, file.Value) : null, _ => Task.FromResult<Stream>(new MemoryStream(file.Value))))];

    private HubSettings Settings(HubServer server) => new()
    {
        Endpoint = server.Endpoint,
        Cache = _folder.Path,
        Token = "hf_secret",
        TokenPlace = "HF_TOKEN",
        MaxAttempts = 4,
        FirstDelay = TimeSpan.FromMilliseconds(1),
    };

    private static void Holds(HubServer server, Dictionary<string, byte[]> files)
    {
        var found = server.FilesOfRepository(Repository).Where(file => file.Key != ".gitattributes").ToDictionary();
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
