using System.Diagnostics;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>The dataset card and <c>sana export</c>, through the real program.</summary>
public sealed class ExportTests(Azurite azurite, CuratedPhotographs photographs) : IClassFixture<Azurite>, IClassFixture<CuratedPhotographs>, IDisposable
{
    private const int Images = CuratedPhotographs.Images;
    private const int Kills = 3;

    private readonly TempFolder _folder = new();

    private string Version => new Curated(_folder.File("data/blobs"), "photos", "v1").File("");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("imagefolder", "chosen"), InlineData("folder", "all"), InlineData("parquet", "chosen"), InlineData("sana-img", "all")]
    public async Task Killed_at_random_instants_an_export_ends_with_the_same_bytes(string format, string captions)
    {
        photographs.CopyTo(_folder.File("data"));
        var clock = Stopwatch.StartNew();
        var whole = await Export(format, "whole", captions);
        var length = clock.Elapsed;
        var random = new Random(7);
        for (var i = 0; i < Kills; i++)
        {
            using var process = SanaProgram.Start(Arguments(format, "killed", captions));
            if (!process.WaitForExit(length * (0.3 + (0.7 * random.NextDouble()))))
                process.Kill();
            await SanaProgram.Finish(process);
        }

        var rest = await Export(format, "killed", captions);

        Assert.Equal(Tree.Of(_folder.File("whole")), Tree.Of(_folder.File("killed")));
        Assert.Equal(Count(whole, "written"), Count(rest, "written") + Count(rest, "kept"));
        Assert.True(Count(whole, "images") > Images / 2, whole.GetRawText());
        Assert.Contains("\"complete\":true", await File.ReadAllTextAsync(_folder.File("killed/sana-export.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dataset_is_found_by_name_and_by_folder_and_the_second_run_writes_nothing()
    {
        photographs.CopyTo(_folder.File("data"));
        var named = await SanaProgram.Run("export", "photos", "--data", _folder.File("data"), "--to", "folder", "--out", _folder.File("a"));
        var again = await SanaProgram.Run("export", "photos", "--data", _folder.File("data"), "--to", "folder", "--out", _folder.File("a"));
        var shards = await SanaProgram.Run("export", Path.Combine(Version, "shards"), "--to", "folder", "--out", _folder.File("b"));
        var versions = await SanaProgram.Run("export", Path.GetDirectoryName(Path.GetFullPath(Version).TrimEnd('/'))!, "--to", "folder", "--out",
            _folder.File("c"));

        Assert.True((named.ExitCode, again.ExitCode, shards.ExitCode, versions.ExitCode) == (0, 0, 0, 0), named.Error + again.Error + shards.Error
            + versions.Error);
        Assert.Matches(@"^photos v1 as folder: \d+ images, \d+ captions in folder .*/a \(\d+ files written, 0 there already\); images are copied out of the tars", named.Output);
        Assert.Contains("(0 files written, ", again.Output, StringComparison.Ordinal);
        Assert.Single(named.Output.TrimEnd().Split('\n'));
        Assert.Equal(Tree.Of(_folder.File("a")), Tree.Of(_folder.File("b")));
        Assert.Equal(Tree.Of(_folder.File("a")), Tree.Of(_folder.File("c")));
        Assert.Empty(Directory.EnumerateDirectories(_folder.File("a")));
    }

    [Theory]
    [InlineData("imagefolder"), InlineData("folder"), InlineData("parquet"), InlineData("sana-img")]
    public async Task What_is_exported_can_be_curated_again(string format)
    {
        photographs.CopyTo(_folder.File("data"));
        var made = await Export(format, "out", "all");

        var again = await SanaProgram.Run("curate", _folder.File("out"), "--dataset", "again", "--data", _folder.File("data"), "--similar", "-1");

        Assert.True(again.ExitCode == 0, again.Error + again.Output);
        Assert.Contains($": {Count(made, "images")} images, {Count(made, "texts")} captions", again.Output.Split('\n')[0], StringComparison.Ordinal);
        Assert.Equal(Captions("photos"), Captions("again"));
    }

    [Fact]
    public async Task A_container_is_read_and_written_like_a_folder()
    {
        var (source, target) = ($"{azurite.ConnectionString};Container=curated", $"{azurite.ConnectionString};Container=exports/photos");
        await CuratedPhotographs.Curate(photographs.Source, _folder.File("data"), "--out", source);
        var down = await SanaProgram.Run("export", "photos", "--blobs", source, "--to", "sana-img", "--out", _folder.File("down"));
        var across = await SanaProgram.Run("export", "photos", "--blobs", source, "--to", "sana-img", "--out", target);
        var again = await SanaProgram.Run("export", "photos", "--blobs", source, "--to", "sana-img", "--out", target);
        var other = await SanaProgram.Run("export", "photos", "--blobs", source, "--to", "folder", "--out", target);

        Assert.True((down.ExitCode, across.ExitCode, again.ExitCode) == (0, 0, 0), down.Error + across.Error + again.Error);
        Assert.Contains("(1 files written, ", again.Output, StringComparison.Ordinal);
        Assert.Contains("another format than folder", other.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("AccountKey", across.Output + other.Error, StringComparison.Ordinal);
        var blobs = azurite.Container("exports").GetBlobsAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(Tree.Names(_folder.File("down")), await blobs.Select(blob => blob.Name["photos/".Length..]).Order(StringComparer.Ordinal).ToArrayAsync());
    }

    [Fact]
    public async Task What_cannot_be_exported_is_one_sentence()
    {
        photographs.CopyTo(_folder.File("data"));
        Directory.CreateDirectory(_folder.File("mine"));
        await File.WriteAllTextAsync(_folder.File("mine/My thesis.txt"), "mine");
        await Fails(1, "holds My thesis.txt and no sana-export.json", "export", Version, "--to", "folder", "--out", _folder.File("mine"));
        await Fails(2, "no captions with the label 'vila'; use chosen, all, or one of prompt", "export", Version, "--to", "folder", "--captions", "vila",
            "--out", _folder.File("x"));
        await Fails(1, "has no selection 'soft'", "export", Version, "--to", "folder", "--selection", "soft", "--out", _folder.File("y"));
        await Fails(1, "has no finished dataset birds", "export", "birds", "--data", _folder.File("data"), "--to", "folder", "--out", _folder.File("x"));
        await Fails(1, "has no manifest.json of a finished dataset", "export", _folder.File("mine"), "--to", "folder", "--out", _folder.File("x"));
        await Fails(1, "There is no folder", "export", "photos", "--data", _folder.File("nowhere"), "--to", "folder", "--out", _folder.File("x"));
        await Fails(2, "zip", "export", Version, "--to", "zip");
        Assert.Equal(["mine"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Except(["data", "y"]));
    }

    [Fact]
    public async Task The_card_comes_with_the_version_and_names_later_choices()
    {
        photographs.CopyTo(_folder.File("data"));
        var first = await File.ReadAllTextAsync(Path.Combine(Version, "README.md"));
        var select = await SanaProgram.Run("select", "photos", "--data", _folder.File("data"), "--rule", "max", "--label", "best");
        var second = await File.ReadAllTextAsync(Path.Combine(Version, "README.md"));

        Assert.True(select.ExitCode == 0, select.Error);
        Assert.StartsWith("---\npretty_name: \"photos v1\"\n", first, StringComparison.Ordinal);
        Assert.Contains("    - \"shards/*.tar\"\n", first, StringComparison.Ordinal);
        Assert.DoesNotContain("selection-", first, StringComparison.Ordinal);
        Assert.Contains("- config_name: \"selection-best\"\n", second, StringComparison.Ordinal);
        var table = second.Split('\n').SkipWhile(line => !line.Contains("selection-best", StringComparison.Ordinal)).First(line =>
            line.StartsWith("    - ", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(Version,
            table.Trim().Trim('-', ' ', '"').Replace("[0-9][0-9][0-9][0-9][0-9]", "00000", StringComparison.Ordinal))), table);
        var exported = await Export("imagefolder", "best", selection: "best");
        Assert.True(Count(exported, "images") > 0, exported.GetRawText());
    }

    private string[] Arguments(string format, string place, string captions) =>
        ["export", Version, "--to", format, "--out", _folder.File(place), "--captions", captions, "--json"];

    private async Task<JsonElement> Export(string format, string place, string captions = "chosen", string? selection = null)
    {
        var run = await SanaProgram.Run([.. Arguments(format, place, captions), .. selection is null ? Array.Empty<string>() : ["--selection", selection]]);
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        return JsonElement.Parse(run.Output);
    }

    private string[] Captions(string dataset) => [.. new Curated(_folder.File("data/blobs"), dataset, "v1").Rows().Select(row => row.Caption)
        .OfType<string>().Order(StringComparer.Ordinal)];

    private static long Count(JsonElement report, string name) => report.GetProperty(name).GetInt64();

    private static async Task Fails(int exitCode, string fragment, params string[] arguments)
    {
        var run = await SanaProgram.Run(arguments);
        Assert.True(run.ExitCode == exitCode, $"{run.ExitCode} {run.Output}{run.Error}");
        Assert.Contains(fragment, Assert.Single(run.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }
}

/// <summary>Photographs, curated once: what exports read and do not change.</summary>
public sealed class CuratedPhotographs : IAsyncLifetime
{
    internal const int Images = 24;

    private readonly TempFolder _folder = new();

    /// <summary>The photographs.</summary>
    public string Source => _folder.File("source");

    public async ValueTask InitializeAsync()
    {
        Photographs.Fill(Source, Images);
        await Curate(Source, _folder.File("data"));
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Copies the data folder with the finished dataset.</summary>
    public void CopyTo(string data)
    {
        var from = _folder.File("data");
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(data, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    internal static async Task Curate(string source, string data, params string[] place)
    {
        var run = await SanaProgram.Run(["curate", source, "--dataset", "photos", "--data", data, "--items", "10", "--similar", "-1", .. place]);
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
    }
}
