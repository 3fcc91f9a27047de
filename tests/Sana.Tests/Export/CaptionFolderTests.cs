using Sana.Curation.Export;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Export;

/// <summary>
/// Read by the rules of kohya's scripts (images directly in <c>image_dir</c>, the caption is the first line of the <c>.txt</c> of the same stem; with
/// <c>enable_wildcard</c> one of the lines is drawn), of OneTrainer (a line of the <c>.txt</c> is drawn) and of SimpleTuner (<c>textfile</c>: every line that is not empty is a caption).
/// </summary>
public sealed class CaptionFolderTests
{
    [Fact]
    public async Task Every_image_has_its_caption_in_the_first_line_and_no_other()
    {
        using var dataset = await SomeDataset.Create();

        var made = await dataset.Export(ExportFormat.Folder);
        var read = Read(dataset.Out());

        Assert.Equal(dataset.Samples.Length, read.Count);
        foreach (var row in dataset.Samples)
        {
            var (image, lines) = read[row.Key];
            Assert.Equal(await SomeRows.Image(row, default), image);
            Assert.Equal([row.Caption!.Replace('\n', ' ')], lines);
        }

        Assert.Equal(dataset.Samples.Count(row => row.Caption!.Contains('\n', StringComparison.Ordinal)), made.Joined);
        Assert.True(made.Joined > 0);
    }

    [Fact]
    public async Task All_captions_are_one_a_line_the_chosen_one_first()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.Folder, ExportOptions.All);
        var read = Read(dataset.Out());

        foreach (var row in dataset.Samples)
        {
            Assert.Equal(row.Caption!.Replace('\n', ' '), read[row.Key].Lines[0]);
            Assert.Equal(row.Candidates.Where(candidate => candidate.Text is not null).Select(candidate => candidate.Text!.Replace('\n', ' ')).Order(),
                read[row.Key].Lines.Order());
        }
    }

    [Theory]
    [InlineData("two\nlines"), InlineData(" two\r\n\r\n lines "), InlineData("two\u2028lines"), InlineData("two\vlines"), InlineData("two\u0085lines")]
    public void What_ends_a_line_for_anybody_is_a_space(string caption)
    {
        var counts = new ExportCounts();

        Assert.Equal(("two lines", 1L), (counts.Line(caption), counts.Joined));
    }

    private static Dictionary<string, (byte[] Image, string[] Lines)> Read(string folder)
    {
        Assert.DoesNotContain(Directory.EnumerateDirectories(folder), path => !Path.GetFileName(path).StartsWith('.'));
        return Directory.EnumerateFiles(folder, "*.jpg").ToDictionary(image => Path.GetFileNameWithoutExtension(image), image =>
        {
            var text = File.ReadAllText(Path.ChangeExtension(image, ".txt"));
            return (File.ReadAllBytes(image), text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToArray());
        });
    }
}
