using Sana.Curation;
using Xunit;

namespace Sana.Tests.Sources;

/// <summary>What is measured over the whole process runs when nothing else does.</summary>
[CollectionDefinition("measured alone", DisableParallelization = true)]
public sealed class MeasuredAlone;

[Collection("measured alone")]
public sealed class MemoryTests : IDisposable
{
    private readonly Folder _folder = new();

    [Fact]
    public async Task Memory_does_not_grow_with_the_tar()
    {
        var tar = new TarBytes();
        for (var at = 0; at < 20_000; at++)
            tar.Member($"{at:00000}.jpg").Member($"{at:00000}.txt");
        _folder.Put("small.tar", new TarBytes().Member("a.jpg").Bytes()).Put("big.tar", tar.Bytes());
        await _folder.Lines("small.tar");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (count, most) = (0, 0L);
        await foreach (var item in _folder.Source("big.tar").List(default))
        {
            if (++count % 5000 == 0)
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
        }

        Assert.Equal(20_000, count);
        // A key that was seen costs 40 bytes and the room of a growing set.
        Assert.InRange(most, 0, 20_000 * 150);
    }

    [Fact]
    public async Task A_line_of_half_a_gigabyte_is_never_held()
    {
        using (var file = File.Create(_folder.File("m.jsonl")))
        {
            file.Write("{\"file\":\"a.jpg\"}\n"u8);
            file.SetLength(512L << 20);
            file.Position = file.Length;
            file.Write("\n{\"file\":\"b.jpg\"}\n"u8);
        }

        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Equal(["m.jsonl#1", "m.jsonl#2 bad_row", "m.jsonl#3"], await _folder.Lines("m.jsonl"));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64 << 20);
    }

    [Fact]
    public async Task One_long_text_that_many_rows_share_is_held_once()
    {
        Duck.Write(_folder.File("m.parquet"), "select i || '.jpg' as file, repeat('x', 1000000) as caption from range(3000) t(i)");
        var (count, before, most) = (0, GC.GetTotalMemory(forceFullCollection: true), 0L);

        await foreach (var item in _folder.Source("m.parquet").List(default))
        {
            Assert.Equal([Reasons.CaptionLength], item.Notes);
            if (++count % 500 == 0)
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
        }

        Assert.Equal(3000, count);
        Assert.InRange(most, 0, 64 << 20);
    }

    public void Dispose() => _folder.Dispose();
}
