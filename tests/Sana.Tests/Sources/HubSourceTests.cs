using Sana.Curation.Sources;
using Sana.Storage.Hub;
using Sana.Tests.Support;
using Xunit;
using HubSource = Sana.Storage.Sources.HubSource;
using LinkRule = Sana.Storage.Sources.LinkRule;
using SourcePlace = Sana.Storage.Sources.SourcePlace;

namespace Sana.Tests.Sources;

/// <summary>A dataset repository as a source.</summary>
public sealed class HubSourceTests
{
    private const string Repository = "datasets/owner/name";
    private const string Place = "hf:datasets/owner/name";

    private static readonly Dictionary<string, byte[]> _files = new()
    {
        ["README.md"] = "# a card"u8.ToArray(),
        [".gitattributes"] = "*.tar lfs"u8.ToArray(),
        ["data/train-00000.tar"] = Shard(0),
        ["data/train-00001.tar"] = Shard(1),
        ["data/train-00002.tar"] = Shard(2),
        ["single/a.jpg"] = "one"u8.ToArray(),
        ["single/a.txt"] = "a caption"u8.ToArray(),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Shards_are_read_where_they_lie()
    {
        await using var server = await HubServer.Start(Repository, _files);

        var (all, lines) = await Read(server, "");

        Assert.Equal([".gitattributes hidden", "README.md", "data/train-00000.tar", "data/train-00001.tar", "data/train-00002.tar", "single/a.jpg", "single/a.txt"], all);
        Assert.Equal(Enumerable.Range(0, 3).SelectMany(Expected).Append("single/a.jpg = 3 (a caption)"), lines);
        // The token is for the endpoint alone.
        Assert.All(server.Of("cdn"), call => Assert.Null(call.Token));
    }

    [Theory]
    [InlineData(HubFault.Cut)]
    [InlineData(HubFault.Unavailable)]
    [InlineData(HubFault.Expired)]
    [InlineData(HubFault.IgnoresRange)]
    public async Task A_connection_that_breaks_is_gone_on_with(HubFault fault)
    {
        await using var server = await HubServer.Start(Repository, _files, call => call.Kind == "cdn" && (call.Number % 3 == 1 || fault == HubFault.IgnoresRange) ? fault : HubFault.None);

        var (_, lines) = await Read(server, "");

        Assert.Equal(Enumerable.Range(0, 3).SelectMany(Expected).Append("single/a.jpg = 3 (a caption)"), lines);
    }

    [Fact]
    public async Task A_run_reads_one_commit()
    {
        await using var server = await HubServer.Start(Repository, _files);
        var settings = Settings(server);

        var pinned = await HubSource.Pin(Place, settings, Cancellation);
        server.Commit = new string('b', 40);

        Assert.Equal($"{Place}@{new string('a', 40)}", pinned);
        Assert.Equal(pinned, await HubSource.Pin(pinned, settings, Cancellation));
        Assert.Equal("some/folder", await HubSource.Pin("some/folder", settings, Cancellation));
        await foreach (var _ in (await HubSource.Open(pinned, settings, Cancellation)).List(Cancellation))
        {
        }

        Assert.All(server.Of("tree"), call => Assert.Equal(new string('a', 40), call.Path));
        Assert.NotEmpty(server.Of("tree"));
    }

    [Theory]
    [InlineData(HubFault.RepoNotFound, "has no dataset 'owner/name', or shows it only to some")]
    [InlineData(HubFault.GatedRepo, "owner/name is gated")]
    [InlineData(HubFault.BadToken, "The token of HF_TOKEN is not valid, or was revoked")]
    [InlineData(HubFault.NoHub, "did not answer as the Hub does")]
    public async Task Refusals_are_one_sentence(HubFault fault, string sentence)
    {
        await using var server = await HubServer.Start(Repository, _files, _ => fault);

        var error = await Assert.ThrowsAnyAsync<SanaException>(() => HubSource.Open(Place, Settings(server), Cancellation));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shard_that_never_comes_is_one_sentence()
    {
        await using var server = await HubServer.Start(Repository, _files, call => call.Kind == "cdn" ? HubFault.Unavailable : HubFault.None);
        var files = await HubSource.Open(Place, Settings(server), Cancellation);
        await using var shard = await files.Open("data/train-00001.tar", Cancellation);

        var error = await Assert.ThrowsAsync<SanaException>(async () => await shard!.ReadExactlyAsync(new byte[10], Cancellation));

        Assert.Contains("data/train-00001.tar of datasets/owner/name did not come from", error.Message, StringComparison.Ordinal);
        Assert.Null(await files.Open("data/absent.tar", Cancellation));
    }

    [Theory]
    [InlineData("hf:owner/name")]
    [InlineData("hf:datasets/owner")]
    [InlineData("hf:datasets/hf:owner/name")]
    [InlineData("hf:spaces/owner/name")]
    public async Task What_is_no_dataset_is_refused_with_the_form(string text)
    {
        var error = await Assert.ThrowsAsync<UnusableJobException>(() => SourcePlace.Open(text, LinkRule.Inside, Cancellation));

        Assert.Equal($"'{text}' is no dataset of the Hugging Face Hub; write hf:datasets/owner/name[@revision].", error.Message);
    }

    private static async Task<(List<string> All, List<string> Lines)> Read(HubServer server, string revision)
    {
        var files = await HubSource.Open(Place + revision, Settings(server), Cancellation);
        List<string> all = [];
        await foreach (var file in files.List(Cancellation))
            all.Add($"{file.Name} {file.LeftOut}".TrimEnd());
        using var source = SourceReader.Open(files, null, new SourceOptions(), null);
        List<string> lines = [];
        await foreach (var item in source.List(Cancellation))
        {
            var fetched = await source.Fetch(item, Cancellation);
            lines.Add(fetched.Reason is null ? $"{item.Name} = {fetched.Bytes!.Length} ({fetched.Caption})" : $"{item.Name} {fetched.Reason}");
        }

        return (all, lines);
    }

    private static HubSettings Settings(HubServer server) => new()
    {
        Endpoint = server.Endpoint,
        Cache = "/nowhere",
        Token = "hf_token",
        TokenPlace = "HF_TOKEN",
        FirstDelay = TimeSpan.FromMilliseconds(1),
        Patience = TimeSpan.FromSeconds(10),
    };

    private static byte[] Shard(int number)
    {
        var tar = new TarBytes();
        for (var at = 0; at < 5; at++)
            tar.Member($"{number}{at}.jpg", new string((char)('a' + at), 100_000 + at)).Member($"{number}{at}.txt", $"caption {at}");
        return tar.Bytes();
    }

    private static IEnumerable<string> Expected(int number) => Enumerable.Range(0, 5).Select(at => $"data/train-{number:00000}.tar!{number}{at}.jpg = {100_000 + at} (caption {at})");
}
