using System.Diagnostics;
using Sana.Curation;
using Sana.Curation.Sources;
using Xunit;
using FolderSource = Sana.Storage.Sources.FolderSource;
using LinkRule = Sana.Storage.Sources.LinkRule;

namespace Sana.Tests.Sources;

public sealed class FolderItemsTests : IDisposable
{
    private readonly Folder _folder = new();

    [Fact]
    public async Task Every_file_is_an_item_in_ordinal_order_and_sidecars_belong_to_their_image()
    {
        _folder.Put("b.png", "b").Put("B.jpg", "B").Put("a.jpg", "a").Put("a.txt", "a caption").Put("a.json", "{}").Put("a.jpg.json",
            "{}").Put("a.blip.txt", "another").Put("sub/a.jpg", "c")
            .Put("sub/notes.bin", "n").Put("a-1.jpg", "d").Put("data", [0xFF, 0xD8, 0xFF, .. new byte[20]]).Put("LICENSE",
                "a text of some length").Put(".hidden.jpg", "f").Put(".git/a.jpg", "g");
        var tally = new SourceTally();

        var items = await _folder.Source().List(tally, default).ToListAsync();

        Assert.Equal(["B.jpg", "a-1.jpg", "a.jpg", "b.png", "data", "sub/a.jpg"], items.Select(item => item.Name));
        Assert.Equal([("a.jpg.json", null), ("a.json", null), ("a.txt", null), ("a.blip.txt", "blip")], items[2].Sidecars!
            .Select(part => (part.Name, part.Field)));
        Assert.All(items, item => Assert.Null(item.Reason));
        Assert.Equal([(".bin", 1), ("file without an ending", 1), ("hidden", 2)], tally.Facts.LeftOut.Select(left => (left.Key, (int)left.Value)));
    }

    [Fact]
    public async Task A_sidecar_without_an_image_is_a_row()
    {
        _folder.Put("a.jpg", "a").Put("b.txt", "nobody").Put("b.c.txt", "nobody").Put("c.json", """{"caption":"nobody"}""").Put("settings.json", "{}").Put("README.txt", "what this is");

        Assert.Equal(["a.jpg", "b.c.txt missing_image", "b.txt missing_image", "c.json missing_image"], await _folder.Lines());
    }

    [Fact]
    public async Task Names_that_look_alike_are_one_name()
    {
        _folder.Put("cafe\u0301.jpg", "a").Put("caf\u00e9.txt", "first").Put("gro\u00df/u\u0308.txt", "second").Put("gro\u00df/\u00fc.jpg",
            "b").Put("\u00f6.txt", "nobody");

        Assert.Equal(["cafe\u0301.jpg", "gro\u00df/\u00fc.jpg", "\u00f6.txt missing_image"], await _folder.Lines());
        Assert.Equal(("first", "second"), ((await _folder.Fetch("cafe\u0301.jpg")).Caption, (await _folder.Fetch("gro\u00df/\u00fc.jpg")).Caption));
    }

    [Fact]
    public async Task Lists_of_sana_folders_are_no_items()
    {
        _folder.Put("meta_data.json", "{}").Put("a.jpg", "a").Put("a.txt", "t").Put("a_InternVL2-26B.json", """{"a":{"InternVL2-26B":"of a model"}}""").Put("a_InternVL2-26B_clip_score.json", """{"a":{"InternVL2-26B":"27.1"}}""")
            .Put("other_VILA.json", "{}");

        Assert.Equal(["a.jpg"], await _folder.Lines());
        Assert.Equal([("t", null), ("of a model", "InternVL2-26B")], (await _folder.Fetch("a.jpg")).Captions.Select(caption => (caption.Text, caption.Field)));
    }

    [Fact]
    public async Task Pipes_sockets_devices_and_links_are_never_opened()
    {
        _folder.Put("a.jpg", "a").Put("real/b.jpg", "b");
        await Run("mkfifo", _folder.File("pipe.jpg"));
        File.CreateSymbolicLink(_folder.File("link.jpg"), "/etc/passwd");
        Directory.CreateSymbolicLink(_folder.File("linked"), "/etc");
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_folder.File("socket.jpg")));
        var files = FolderSource.Open(_folder.Path);

        var tally = new SourceTally();
        Assert.Equal(["a.jpg", "real/b.jpg"], await _folder.Source().List(tally, default).Select(item => item.Name).ToListAsync());
        Assert.Equal([("link", 2), ("pipe", 1), ("socket", 1)], tally.Facts.LeftOut.Select(left => (left.Key, (int)left.Value)));
        foreach (var name in new[] { "pipe.jpg", "socket.jpg", "link.jpg", "linked/passwd", "../x", "/etc/passwd", "real", "real/", "", "a.jpg\0" })
            Assert.Null(await files.Open(name, default));
    }

    [Fact]
    public async Task Links_are_followed_as_far_as_the_rule_allows()
    {
        using var elsewhere = new Folder();
        elsewhere.Put("far.jpg", "far").Put("tree/deep.jpg", "deep").Put("hub/blobs/0123", "of the hub").Put("hub/snapshots/main/sub/near.txt", "x");
        _folder.Put("a.jpg", "a").Put("sub/b.jpg", "b");
        File.CreateSymbolicLink(_folder.File("inside.jpg"), "a.jpg");
        File.CreateSymbolicLink(_folder.File("outside.jpg"), elsewhere.File("far.jpg"));
        File.CreateSymbolicLink(_folder.File("broken.jpg"), "nowhere");
        Directory.CreateSymbolicLink(_folder.File("tree"), elsewhere.File("tree"));
        Directory.CreateSymbolicLink(_folder.File("tree2"), elsewhere.File("tree"));
        Directory.CreateSymbolicLink(_folder.File("sub/around"), _folder.Path);
        File.CreateSymbolicLink(elsewhere.File("hub/snapshots/main/sub/a.jpg"), "../../../blobs/0123");
        File.CreateSymbolicLink(elsewhere.File("hub/snapshots/main/sub/b.jpg"), "../../../../far.jpg");

        Assert.Equal(["a.jpg", "inside.jpg", "sub/b.jpg"], await Names(_folder.Path, LinkRule.Inside));
        Assert.Equal(["a.jpg", "inside.jpg", "outside.jpg", "sub/b.jpg", "tree/deep.jpg"], await Names(_folder.Path, LinkRule.All));
        Assert.Equal(["sub/a.jpg", "sub/near.txt missing_image"], await Names(elsewhere.File("hub/snapshots/main"), LinkRule.Inside));
        Assert.Null(await FolderSource.Open(_folder.Path).Open("outside.jpg", default));
        Assert.Null(await FolderSource.Open(_folder.Path).Open("tree/deep.jpg", default));
        await using var far = await FolderSource.Open(_folder.Path, LinkRule.All).Open("tree/deep.jpg", default);
        Assert.Equal(4, far!.Length);

        static async Task<List<string>> Names(string folder, LinkRule links)
        {
            using var source = SourceReader.Open(FolderSource.Open(folder, links), null, new SourceOptions(), null);
            return await source.List(default).Select(item => item.Reason is null ? item.Name : $"{item.Name} {item.Reason}").ToListAsync();
        }
    }

    [Fact]
    public async Task A_name_that_is_not_utf_8_and_a_folder_without_rights_are_rows()
    {
        _folder.Put("a.jpg", "a").Put("z.jpg", "z");
        await Run("sh", "-c", $"printf x > '{_folder.Path}'/\"$(printf 'b\\374.jpg')\"");

        var lines = await _folder.Lines();
        await Run("sh", "-c", $"rm '{_folder.Path}'/b*");

        Assert.Equal(3, lines.Length);
        Assert.Equal("a.jpg", lines[0]);
        Assert.Contains(lines, line => line.StartsWith('b') && line.EndsWith(" unreadable", StringComparison.Ordinal));
        Assert.Contains("z.jpg", lines);
    }

    [Fact]
    public async Task A_file_that_went_is_not_found_and_one_that_grew_is_read_as_it_is()
    {
        _folder.Put("a.jpg", "a").Put("b.jpg", "b");
        var source = _folder.Source();
        var items = await source.List(default).ToListAsync();
        File.Delete(_folder.File("a.jpg"));
        _folder.Put("b.jpg", "longer");

        Assert.Equal(Reasons.NotFound, (await source.Fetch(items[0], default)).Reason);
        Assert.Equal("longer"u8.ToArray(), (await source.Fetch(items[1], default)).Bytes);
    }

    [Fact]
    public async Task A_folder_that_went_is_a_failure_of_the_place()
    {
        var inner = Directory.CreateDirectory(_folder.File("inner")).FullName;
        File.WriteAllText(Path.Combine(inner, "a.jpg"), "a");
        var source = SourceReader.Open(FolderSource.Open(inner), null, new SourceOptions(), null);
        var items = await source.List(default).ToListAsync();
        Directory.Delete(inner, recursive: true);

        await Assert.ThrowsAsync<SanaException>(() => source.Fetch(items[0], default));
        await Assert.ThrowsAsync<SanaException>(async () => await source.List(default).ToListAsync());
    }

    [Fact]
    public async Task A_file_over_the_limit_is_not_read()
    {
        using (var sparse = File.Create(_folder.File("big.jpg")))
            sparse.SetLength(8L << 30);
        _folder.Put("edge.jpg", new byte[10]).Put("over.jpg", new byte[11]);
        var options = new SourceOptions { MaxFileBytes = 10 };

        Assert.Equal(Reasons.TooManyBytes, (await _folder.Fetch("big.jpg")).Reason);
        Assert.Equal(Reasons.TooManyBytes, (await _folder.Fetch("over.jpg", null, options)).Reason);
        Assert.Equal(10, (await _folder.Fetch("edge.jpg", null, options)).Bytes!.Length);
    }

    [Fact]
    public async Task A_file_that_may_not_be_read_is_unreadable()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.UserName == "root", "Root reads everything.");
        _folder.Put("a.jpg", "a");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.File("a.jpg"), UnixFileMode.None);

        Assert.Equal(Reasons.Unreadable, (await _folder.Fetch("a.jpg")).Reason);
    }

    [Fact]
    public async Task Text_wins_over_json_and_json_gives_the_licence()
    {
        _folder.Put("a.jpg", "a").Put("a.txt", "\n  first line\n\nsecond\tline \n").Put("a.json", """{"prompt":"other","license":"CC0-1.0","url":"https://example.com/a.jpg"}""")
            .Put("b.jpg", "b").Put("b.json", """{"text":"of json","licence":"CC-BY-4.0"}""");

        var (a, b) = (await _folder.Fetch("a.jpg"), await _folder.Fetch("b.jpg"));

        Assert.Equal(("first line second line", "CC0-1.0"), (a.Caption, a.Licence));
        Assert.Equal(("of json", "CC-BY-4.0"), (b.Caption, b.Licence));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("42")]
    [InlineData("")]
    [InlineData("{\"prompt\":\"\\ud800\"}")]
    [InlineData("{\"prompt\":\"a\"} trailing")]
    public async Task A_bad_sidecar_costs_no_image(string json)
    {
        _folder.Put("a.jpg", "a").Put("a.json", json);

        var fetched = await _folder.Fetch("a.jpg");

        Assert.Equal((null, null), (fetched.Reason, fetched.Caption));
        Assert.Equal([Reasons.BadSidecar], fetched.Notes);
    }

    [Fact]
    public async Task Deep_and_big_sidecars_are_bad_ones()
    {
        _folder.Put("a.jpg", "a").Put("a.json", new string('[', 100_000)).Put("b.jpg", "b").Put("b.txt", new byte[2_000_000]).Put("c.jpg", "c").Put("c.json", "{\"prompt\":[1]}");

        Assert.Equal([Reasons.BadSidecar], (await _folder.Fetch("a.jpg")).Notes);
        Assert.Equal([Reasons.BadSidecar], (await _folder.Fetch("b.jpg")).Notes);
        Assert.Null((await _folder.Fetch("c.jpg")).Caption);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
