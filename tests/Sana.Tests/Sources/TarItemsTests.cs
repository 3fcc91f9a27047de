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
        _folder.Put("loose.jpg", "third").Put("packed.tar.gz", "x");

        Assert.Equal(["00000.tar!000.jpg", "00001.tar!001.jpg", "loose.jpg", "packed.tar.gz unsupported_format"], await _folder.Lines());
    }

    [Fact]
    public async Task A_packed_tar_is_told_apart_by_its_bytes()
    {
        _folder.Put("in/000.jpg", "first");
        await Tar(["--create", "--gzip", "--file=../a.tar", "000.jpg"]);

        Assert.Equal(["a.tar unsupported_format"], await _folder.Lines("a.tar"));
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
