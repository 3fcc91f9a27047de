using System.Diagnostics;
using Sana.Curation;
using Xunit;

namespace Sana.Tests.Sources;

public sealed class TarItemsTests : IDisposable
{
    private readonly Folder _folder = new();

    /// <summary>Names beyond 100 and 256 bytes are what the formats differ in.</summary>
    private static readonly string _long = string.Join('/', Enumerable.Repeat("a-folder-with-a-name", 14)) + "/picture";

    [Theory]
    [InlineData("ustar", false)]
    [InlineData("gnu", true)]
    [InlineData("pax", true)]
    [InlineData("v7", false)]
    public async Task A_tar_of_gnu_tar_is_read_in_every_format(string format, bool takesLongNames)
    {
        var name = takesLongNames ? _long : "picture";
        _folder.Put("in/000.jpg", "first").Put("in/000.txt", "a caption").Put("in/000.json", """{"licence":"CC0"}""").Put("in/000.cls", "7").Put("in/001.png", "second")
            .Put("in/__meta__.json", "{}").Put($"in/{name}.webp", "third").Put($"in/{name}.cap", "größer").Put("in/bücher.jpg", "fourth").Put("in/002.txt", "alone");
        await Tar(["--create", $"--format={format}", "--sort=name", "--file=../a.tar", "."]);

        var items = await _folder.Items("a.tar");
        var source = _folder.Source("a.tar");

        Assert.Equal(
            new[] { "a.tar!000.jpg", "a.tar!001.png", "a.tar!002.txt missing_image", "a.tar!bücher.jpg", $"a.tar!{name}.webp" }.Order(StringComparer.Ordinal),
            items.Select(item => item.Reason is null ? item.Name : $"{item.Name} {item.Reason}").Order(StringComparer.Ordinal));
        var (first, third) = (await source.Fetch(items.Single(item => item.Name == "a.tar!000.jpg"), default), await source.Fetch(items.Single(item => item.Name == $"a.tar!{name}.webp"), default));
        Assert.Equal(("first", "a caption", "CC0"), (System.Text.Encoding.UTF8.GetString(first.Bytes!), first.Caption, first.Licence));
        Assert.Equal(("third", "größer"), (System.Text.Encoding.UTF8.GetString(third.Bytes!), third.Caption));
    }

    [Fact]
    public async Task Tars_in_a_folder_are_opened_and_what_tells_of_them_is_no_item()
    {
        _folder.Put("in/000.jpg", "first").Put("in/001.jpg", "second");
        await Tar(["--create", "--file=../00000.tar", "000.jpg"]);
        await Tar(["--create", "--file=../00001.tar", "001.jpg"]);
        Directory.Delete(_folder.File("in"), recursive: true);
        foreach (var name in new[] { "00000.json", "00000.parquet", "00000_stats.json", "00000_InternVL2-26B.json", "00000_prompt_clip_score.json", "wids-meta.json" })
            _folder.Put(name, "{}");
        _folder.Put("loose.jpg", "third").Put("packed.tar.gz", [0x1F, 0x8B, 8, 0, 0]).Put("packed.tar.xz", "x").Put("00000_InternVL2-26B.json", """{"000":{"InternVL2-26B":"of a model"}}""");

        Assert.Equal(["00000.tar!000.jpg", "00001.tar!001.jpg", "loose.jpg", "packed.tar.gz unreadable", "packed.tar.xz unsupported_format"],
            await _folder.Lines());
        Assert.Equal("of a model", (await _folder.Fetch("00000.tar!000.jpg")).Caption);
    }

    [Fact]
    public async Task A_packed_tar_is_told_apart_by_its_bytes()
    {
        _folder.Put("in/000.jpg", "first").Put("in/000.txt", "a caption");
        await Tar(["--create", "--gzip", "--file=../a.tar", "000.txt", "000.jpg"]);
        await Tar(["--create", "--xz", "--file=../b.tar", "000.jpg"]);

        Assert.Equal(["a.tar!000.jpg"], await _folder.Lines("a.tar"));
        Assert.Equal("a caption", (await _folder.Fetch("a.tar!000.jpg", "a.tar")).Caption);
        Assert.Equal(["b.tar unsupported_format"], await _folder.Lines("b.tar"));
    }

    [Fact]
    public async Task Members_pair_over_the_whole_tar_by_the_longest_stem()
    {
        _folder.Put("t.tar", new TarBytes().Member("v1.0_001.txt", "of 001").Member("x/a.blip.txt", "of blip").Member("v1.0_000.jpg",
            "0").Member("x/cafe\u0301.txt", "of cafe").Member("v1.0_001.jpg", "1")
            .Member("x/a.jpg", "a").Member("v1.0_000.txt", "of 000").Member("x/caf\u00e9.jpg", "c").Member("x/a.txt", "of a").Member("x/a.b.jpg",
                "b").Member("x/a.b.txt", "of b").Member("nobody.txt", "x").Bytes());

        Assert.Equal(["t.tar!v1.0_000.jpg", "t.tar!v1.0_001.jpg", "t.tar!x/a.jpg", "t.tar!x/caf\u00e9.jpg", "t.tar!x/a.b.jpg",
            "t.tar!nobody.txt missing_image"], await _folder.Lines("t.tar"));
        foreach (var (name, captions) in new[] { ("v1.0_000", "of 000"), ("v1.0_001", "of 001"), ("x/a", "of a|of blip"), ("x/caf\u00e9", "of cafe"),
            ("x/a.b", "of b") })
            Assert.Equal(captions, string.Join('|', (await _folder.Fetch($"t.tar!{name}.jpg", "t.tar")).Captions.Select(caption => caption.Text)));
    }

    [Fact]
    public async Task A_member_over_the_limit_is_not_read()
    {
        _folder.Put("in/000.jpg", new byte[5000]);
        await Tar(["--create", "--file=../a.tar", "000.jpg"]);

        Assert.Equal(Reasons.TooManyBytes, (await _folder.Fetch("a.tar!000.jpg", "a.tar", new() { MaxFileBytes = 4999 })).Reason);
    }

    public void Dispose() => _folder.Dispose();

    private async Task Tar(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("tar", arguments) { WorkingDirectory = _folder.File("in") })!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
