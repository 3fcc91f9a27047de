using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

public sealed class FileBlobsTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Put_replaces()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        await blobs.PutIfAbsent("a", "one"u8.ToArray(), None);

        await blobs.Put("a", "two"u8.ToArray(), None);

        Assert.Equal("two"u8.ToArray(), await blobs.Read("a", None));
        Assert.Equal(["a"], await Names(blobs, ""));
    }

    [Fact]
    public async Task Opening_beside_a_writer_disturbs_nothing()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        var done = false;
        var opener = Task.Run(() =>
        {
            while (!Volatile.Read(ref done))
            {
                _ = FileBlobs.Open(_folder.Path);
            }
        });

        for (var i = 0; i < 200; i++)
        {
            Assert.True(await blobs.PutIfAbsent($"n{i}", new byte[1000], None));
        }

        Volatile.Write(ref done, true);
        await opener;
        Assert.Equal(200, (await Names(blobs, "")).Count);
    }

    [Fact]
    public async Task What_a_killed_writer_left_is_invisible_and_gone_after_opening()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        await blobs.PutIfAbsent("a", new byte[1], None);
        var stray = _folder.File(".incoming/0123");
        await File.WriteAllTextAsync(stray, "half a blo");

        var before = await Names(blobs, "");
        _ = FileBlobs.Open(_folder.Path);

        Assert.Equal(["a"], before);
        Assert.False(File.Exists(stray));
    }

    [Fact]
    public async Task A_cancelled_put_leaves_nothing()
    {
        var blobs = FileBlobs.Open(_folder.Path);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => blobs.PutIfAbsent("a", new byte[10], new CancellationToken(canceled: true)));

        Assert.Empty(Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Listing_is_in_ordinal_order_of_whole_names()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        string[] names = ["a/b", "a-b", "a.b", "a0", "a/b/c2", "a/b-c", "b", "a/c/d"];
        foreach (var name in names.Where(name => name != "a/b"))
        {
            await blobs.PutIfAbsent(name, new byte[name.Length], None);
        }

        var all = await Names(blobs, "");

        Assert.Equal(names.Where(name => name != "a/b").Order(StringComparer.Ordinal), all);
        Assert.Equal(["a/b-c", "a/b/c2"], await Names(blobs, "a/b"));
        Assert.Empty(await Names(blobs, "nowhere/"));
    }

    [Fact]
    public async Task Listing_a_prefix_does_not_read_its_neighbours()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        await blobs.PutIfAbsent("runs/ab/one", new byte[1], None);
        await Names(blobs, "runs/a");
        var alone = await Cost();
        Directory.CreateDirectory(_folder.File("runs/zz"));
        for (var i = 0; i < 500; i++)
            File.Create(_folder.File($"runs/zz/{i}")).Dispose();

        Assert.InRange(await Cost(), 0, alone + 20_000);

        async Task<long> Cost()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(["runs/ab/one"], await Names(blobs, "runs/a"));
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task Links_below_the_folder_are_not_followed()
    {
        using var elsewhere = new TempFolder();
        await File.WriteAllTextAsync(elsewhere.File("secret"), "s");
        var blobs = FileBlobs.Open(_folder.Path);
        Directory.CreateSymbolicLink(_folder.File("runs"), elsewhere.Path);
        File.CreateSymbolicLink(_folder.File("file"), elsewhere.File("secret"));

        await Assert.ThrowsAsync<SanaException>(() => blobs.PutIfAbsent("runs/a", new byte[1], None));
        await Assert.ThrowsAsync<SanaException>(() => blobs.Read("runs/secret", None));
        await Assert.ThrowsAsync<SanaException>(() => blobs.Put("file", new byte[1], None));
        await Assert.ThrowsAsync<SanaException>(() => Names(blobs, "runs/"));

        Assert.Empty(await Names(blobs, ""));
        Assert.Equal(["secret"], Directory.EnumerateFiles(elsewhere.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_folder_that_is_a_link_itself_is_fine()
    {
        var link = _folder.File("link");
        Directory.CreateDirectory(_folder.File("real"));
        Directory.CreateSymbolicLink(link, _folder.File("real"));

        var blobs = FileBlobs.Open(link);

        Assert.True(await blobs.PutIfAbsent("a", new byte[1], None));
        Assert.True(File.Exists(_folder.File("real/a")));
    }

    [Fact]
    public async Task A_file_where_a_folder_should_be_is_one_sentence()
    {
        await File.WriteAllTextAsync(_folder.File("file"), "");
        var blobs = FileBlobs.Open(_folder.Path);

        var inside = await Assert.ThrowsAsync<SanaException>(() => blobs.PutIfAbsent("file/a", new byte[1], None));
        var root = Assert.Throws<SanaException>(() => FileBlobs.Open(_folder.File("file")));

        Assert.StartsWith("Cannot write", inside.Message, StringComparison.Ordinal);
        Assert.StartsWith("Cannot open", root.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_blob_whose_writer_still_holds_its_lock_can_be_read()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        await blobs.Put("a.json", "{}"u8.ToArray(), default);
        var held = new FileStream(_folder.File("a.json"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        var read = blobs.Read("a.json", default);
        await held.DisposeAsync();

        Assert.Equal("{}"u8.ToArray(), await read);
    }

    [Fact]
    public async Task A_deleted_blob_is_gone_with_the_folders_that_it_leaves_empty()
    {
        var blobs = FileBlobs.Open(_folder.Path);
        await blobs.Put("a/b/c.json", new byte[1], default);
        await blobs.Put("a/d.json", new byte[1], default);

        await blobs.Delete("a/b/c.json", default);
        await blobs.Delete("a/b/c.json", default);

        Assert.Null(await blobs.Read("a/b/c.json", default));
        Assert.False(Directory.Exists(_folder.File("a/b")));
        Assert.True(await blobs.Exists("a/d.json", default));
    }

    private static async Task<List<string>> Names(FileBlobs blobs, string prefix)
    {
        List<string> names = [];
        await foreach (var blob in blobs.List(prefix, None))
        {
            names.Add(blob.Name);
        }

        return names;
    }
}
