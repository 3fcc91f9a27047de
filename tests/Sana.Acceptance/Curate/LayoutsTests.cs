using System.Diagnostics;
using System.Globalization;
using Sana.Acceptance.Support;
using Sana.Storage;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>
/// Datasets as public tools write them, through the real program: every image, every caption as a candidate, and a first line that says what the source is.
/// </summary>
public sealed class LayoutsTests : IDisposable
{
    private static readonly string _fixtures = Environment.GetEnvironmentVariable("SANA_LAYOUTS") is { Length: > 0 } folder ? folder
        : Path.Combine(Repository.Root, "tests/fixtures/layouts");

    private readonly TempFolder _folder = new();

    /// <value>Name, source, images and captions of each layout.</value>
    public static TheoryData<string, string, int, int> Layouts
    {
        get
        {
            var data = new TheoryData<string, string, int, int>();
            foreach (var part in File.ReadLines(Path.Combine(_fixtures, "WANT")).Select(line => line.Split(' ')).Where(part => part.Length == 4))
                data.Add(part[0], part[1], int.Parse(part[2], CultureInfo.InvariantCulture), int.Parse(part[3], CultureInfo.InvariantCulture));
            return data;
        }
    }

    [Theory, MemberData(nameof(Layouts))]
    public async Task A_layout_of_a_public_tool_is_read(string name, string source, int images, int captions)
    {
        using (var tar = Process.Start("tar", ["-xzf", Path.Combine(_fixtures, "layouts.tar.gz"), "-C", _folder.Path]))
            await tar.WaitForExitAsync();

        var run = await SanaProgram.Run("curate", _folder.File(source), "--dataset", "layout", "--data", _folder.File("data"), "--out", _folder.File("out"),
            "--similar", "-1");

        Assert.True(run.ExitCode == 0, $"{name}: {run.ExitCode}\n{run.Error}{run.Output}");
        var first = run.Output.Split('\n')[0];
        Assert.StartsWith(_folder.File(source) + ": ", first, StringComparison.Ordinal);
        Assert.Contains($": {Counted.Of(images, "image")}, {Counted.Of(captions, "caption")}", first, StringComparison.Ordinal);
        var rows = new Curated(_folder.File("out"), "layout", "v1").Rows();
        Assert.All(rows, row => Assert.True(row.Status == "success" || row.Reason == "duplicate_of", $"{row.SourceUri} {row.Reason} {row.ErrorMessage}"));
        Assert.Equal((images, captions),
            (rows.Count(row => row.Status == "success"), rows
            .Where(row => row.Status == "success").Sum(row => row.Candidates.Count(candidate => candidate.Text is not null))));
    }

    [Theory]
    [InlineData("a.cls", "7", "tar member .cls", "--caption-field", "nothing")]
    [InlineData("a.json", "{\"remark\":\"a long remark about it\"}", "no captions", "--caption-field", "nothing")]
    public async Task A_dataset_that_comes_out_empty_is_no_success(string member, string content, string fragment, params string[] arguments)
    {
        await File.WriteAllBytesAsync(_folder.File("a.tar"), new Sana.Tests.Sources.TarBytes().Member("a.jpg", "",
            size: Convert.ToString(Sana.Tests.Ingest.Hostile.Pictures.Jpeg.Length, 8).PadLeft(11, '0'))
            .Raw(Sana.Tests.Ingest.Hostile.Pictures.Jpeg).Member(member, content).Bytes());

        var run = await SanaProgram.Run(["curate", _folder.File("a.tar"), "--dataset", "empty", "--data", _folder.File("data"), "--out",
            _folder.File("out"), .. arguments]);

        Assert.Equal(1, run.ExitCode);
        var sentence = Assert.Single(run.Error.TrimEnd().Split('\n'), line => !line.StartsWith("curate: ", StringComparison.Ordinal)); // and its progress
        Assert.Contains("1 image, no captions", sentence, StringComparison.Ordinal);
        Assert.Contains(fragment, sentence, StringComparison.Ordinal);
        Assert.False(File.Exists(new Curated(_folder.File("out"), "empty", "v1").File("manifest.json")));
    }

    public void Dispose() => _folder.Dispose();
}
