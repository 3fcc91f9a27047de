using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Export;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Export;

/// <summary>
/// Read by the rules of ImageFolder: <c>metadata.jsonl</c> has a line for each image, <c>file_name</c> is its path from there and becomes the column
/// <c>image</c>; the types of columns come from the first lines and must hold in all of them.
/// </summary>
public sealed class ImageFolderTests
{
    [Fact]
    public async Task Every_image_has_its_line_its_bytes_and_its_caption()
    {
        using var dataset = await SomeDataset.Create();

        var made = await dataset.Export(ExportFormat.ImageFolder);
        var lines = Read(dataset.Out());

        Assert.Equal(dataset.Samples.Length, lines.Count);
        Assert.Equal((dataset.Samples.Length, dataset.Samples.Length, dataset.Samples.Length + 1L), (made.Images, made.Texts, made.Written));
        foreach (var (row, line) in dataset.Samples.Zip(lines))
        {
            Assert.Equal(await SomeRows.Image(row, default),
                await File.ReadAllBytesAsync(Path.Combine(dataset.Out(), line.GetProperty("file_name").GetString()!)));
            Assert.Equal((row.Caption, row.CaptionLabel, row.Key),
                (line.GetProperty("text").GetString(), line.GetProperty("caption_label").GetString(), line.GetProperty("key").GetString()));
            Assert.Equal(row.CaptionScore!.Value, line.GetProperty("caption_score").GetDouble(), 4);
            Assert.Contains('.', line.GetProperty("caption_score").GetRawText());
        }
    }

    [Fact]
    public async Task Of_all_captions_text_is_a_list_of_which_scripts_draw_one()
    {
        using var dataset = await SomeDataset.Create();

        var made = await dataset.Export(ExportFormat.ImageFolder, ExportOptions.All);

        foreach (var (row, line) in dataset.Samples.Zip(Read(dataset.Out())))
        {
            var texts = line.GetProperty("text").EnumerateArray().Select(text => text.GetString()).ToArray();
            Assert.Equal(row.Caption, texts[0]);
            Assert.Equal(row.Candidates.Where(candidate => candidate.Text is not null).Select(candidate => candidate.Text).Order(), texts.Order());
        }

        Assert.Equal(dataset.Samples.Sum(row => row.Candidates.Count(candidate => candidate.Text is not null)), made.Texts);
    }

    [Fact]
    public async Task Of_a_label_images_without_it_are_left_out_and_counted()
    {
        using var dataset = await SomeDataset.Create();
        var with = dataset.Samples.Where(row => row.Candidates.Any(candidate => candidate.Label == Candidate.OriginalLabel)).ToArray();

        var made = await dataset.Export(ExportFormat.ImageFolder, Candidate.OriginalLabel);

        Assert.Equal(with.Select(row => row.Candidates[0].Text), Read(dataset.Out()).Select(line => line.GetProperty("text").GetString()));
        Assert.Equal((long)(dataset.Samples.Length - with.Length), made.LeftOut[Reasons.NoCaption]);
        Assert.Equal(8, made.NotInShards["rejected"]);
        Assert.Null(made.FirstMissing);
    }

    /// <summary>The lines of a folder that ImageFolder would take.</summary>
    private static List<JsonElement> Read(string folder)
    {
        var lines = File.ReadLines(Path.Combine(folder, "metadata.jsonl")).Select(line => JsonElement.Parse(line)).ToList();
        var types = lines[0].EnumerateObject().Select(member => (member.Name, member.Value.ValueKind)).ToArray();
        Assert.All(lines, line => Assert.Equal(types, line.EnumerateObject().Select(member => (member.Name, member.Value.ValueKind))));
        var images = Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories).Select(file =>
            Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal);
        Assert.Equal(images, lines.Select(line => line.GetProperty("file_name").GetString()!).Order(StringComparer.Ordinal));
        // Folders named so would be splits.
        Assert.DoesNotContain(images, image => image.Contains("test", StringComparison.Ordinal) || image.Contains("valid", StringComparison.Ordinal)
            || image.Contains("dev", StringComparison.Ordinal));
        return lines;
    }
}
