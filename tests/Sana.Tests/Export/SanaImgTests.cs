using System.Globalization;
using System.Text.Json.Nodes;
using Sana.Curation.Export;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Export;

/// <summary>
/// Read by the rules of SanaImgDataset: <c>img_names</c> of <c>meta_data.json</c> are paths from the folder; an ending of jpg, png, jpeg or webp is cut off and
/// used for the image; the first line of <c>{stem}.txt</c> is <c>prompt</c>; <c>{stem}{suffix}.json</c> are merged under the last part of the stem; scores are weights to
/// the power 1/τ.
/// </summary>
public sealed class SanaImgTests
{
    [Fact]
    public async Task Every_image_has_its_chosen_caption_as_prompt()
    {
        using var dataset = await SomeDataset.Create();

        var made = await dataset.Export(ExportFormat.SanaImg);
        var loaded = Load(dataset.Out(), [], []);

        Assert.Equal((dataset.Samples.Length, (long)dataset.Samples.Length), (loaded.Count, made.Images));
        foreach (var (row, one) in dataset.Samples.Zip(loaded))
        {
            Assert.Equal(await SomeRows.Image(row, default), one.Image);
            Assert.Equal(row.Caption!.Replace('\n', ' '), one.Info["prompt"]);
        }

        Assert.Equal(2 * dataset.Samples.Length, Directory.EnumerateFiles(dataset.Out(), "*", SearchOption.AllDirectories).Count(file =>
            Path.GetFileName(file).Length > 20));
    }

    [Fact]
    public async Task With_all_captions_the_loader_finds_each_label_and_its_weight()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.SanaImg, ExportOptions.All);
        var loaded = Load(dataset.Out(), ["_InternVL2-26B", "_VILA1-5-13B"], ["_InternVL2-26B_clip_score", "_VILA1-5-13B_clip_score", "_prompt_clip_score"]);

        foreach (var (row, one) in dataset.Samples.Zip(loaded))
        {
            foreach (var candidate in row.Candidates.Where(candidate => candidate.Text is not null))
            {
                Assert.Equal(candidate.Label == "prompt" ? candidate.Text!.Replace('\n', ' ') : candidate.Text, one.Info[candidate.Label]);
                Assert.Equal(candidate.Score!.Value, one.Scores[candidate.Label], 4);
            }

            Assert.Equal(1, Weights(one.Scores.Values).Sum(), 6);
        }

        Assert.Contains("external_caption_suffixes: [_InternVL2-26B, _VILA1-5-13B]", await File.ReadAllTextAsync(Path.Combine(dataset.Out(), "README.md")),
            StringComparison.Ordinal);
    }

    private static double[] Weights(IEnumerable<double> scores)
    {
        var powers = scores.Select(score => Math.Pow(score, 1 / 0.1)).ToArray();
        return [.. powers.Select(power => power / powers.Sum())];
    }

    private static List<(byte[] Image, Dictionary<string, string> Info, Dictionary<string, double> Scores)> Load(string folder, string[] captions,
        string[] scores)
    {
        var names = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "meta_data.json")))!["img_names"]!.AsArray();
        return [.. names.Select(name =>
        {
            var data = Path.Combine(folder, (string)name!);
            var ending = Path.GetExtension(data);
            Assert.Contains(ending, new[] { ".jpg", ".png", ".jpeg", ".webp" });
            data = data[..^ending.Length];
            var key = data.Split('/')[^1];
            var info = new Dictionary<string, string> { ["prompt"] = File.ReadLines(data + ".txt").First().Trim() };
            foreach (var (label, text) in Merged(data, key, captions))
                info[label] = text;
            return (File.ReadAllBytes(data + ending), info,
                Merged(data, key, scores).Where(score => info.ContainsKey(score.Key)).ToDictionary(score => score.Key, score =>
                    double.Parse(score.Value, CultureInfo.InvariantCulture)));
        })];
    }

    private static Dictionary<string, string> Merged(string data, string key, string[] suffixes) =>
        suffixes.Select(suffix => $"{data}{suffix}.json").Where(File.Exists)
        .SelectMany(file => JsonNode.Parse(File.ReadAllText(file))![key]!.AsObject()).ToDictionary(member => member.Key, member => (string)member.Value!);
}
