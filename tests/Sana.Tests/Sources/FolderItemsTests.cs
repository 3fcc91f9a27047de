using System.Diagnostics;
using Sana.Curation;
using Sana.Curation.Sources;
using Xunit;
using FolderSource = Sana.Storage.Sources.FolderSource;

namespace Sana.Tests.Sources;

public sealed class FolderItemsTests : IDisposable
{
    private readonly Folder _folder = new();

    [Fact]
    public async Task Every_file_is_an_item_in_ordinal_order_and_sidecars_belong_to_their_image()
    {
        _folder.Put("b.png", "b").Put("B.jpg", "B").Put("a.jpg", "a").Put("a.txt", "a caption").Put("a.json", "{}").Put("a.jpg.json", "{}").Put("sub/a.jpg", "c")
            .Put("sub/notes.bin", "n").Put("a-1.jpg", "d").Put("data", "e").Put(".hidden.jpg", "f").Put(".git/a.jpg", "g");

        var items = await _folder.Items();

        Assert.Equal(["B.jpg", "a-1.jpg", "a.jpg", "b.png", "data", "sub/a.jpg", "sub/notes.bin"], items.Select(item => item.Name));
        Assert.Equal(["a.json", "a.txt", "a.jpg.json"], items[2].Sidecars!.Select(part => part.Name));
        Assert.All(items, item => Assert.Null(item.Reason));
    }

    [Fact]
    public async Task A_sidecar_without_an_image_is_a_row()
    {
        _folder.Put("a.jpg", "a").Put("b.txt", "nobody").Put("a.b.txt", "nobody").Put("c.json", "{}");

        Assert.Equal(["a.b.txt missing_image", "a.jpg", "b.txt missing_image", "c.json missing_image"], await _folder.Lines());
    }

    [Fact]
    public async Task Lists_of_sana_folders_are_no_items()
    {
        _folder.Put("meta_data.json", "{}").Put("a.jpg", "a").Put("a.txt", "t").Put("a_InternVL2-26B.json", "{}").Put("a_VILA1-5-13B.json", "{}").Put("other_VILA.json", "{}");

        Assert.Equal(["a.jpg", "other_VILA.json missing_image"], await _folder.Lines());
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

        Assert.Equal(["a.jpg", "real/b.jpg"], await _folder.Lines());
        foreach (var name in new[] { "pipe.jpg", "socket.jpg", "link.jpg", "linked/passwd", "../x", "/etc/passwd", "real", "real/", "", "a.jpg\0" })
            Assert.Null(await files.Open(name, default));
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
        Assert.Empty((await _folder.Fetch("c.jpg")).Notes);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
