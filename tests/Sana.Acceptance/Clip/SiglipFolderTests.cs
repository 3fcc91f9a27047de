using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Clip;

/// <summary>A folder of SigLIP 2 wherever one of CLIP is taken: build, info, curate, select, eval.</summary>
public sealed class SiglipFolderTests : IDisposable
{
    private readonly SmallCheckpoint _checkpoint;
    private readonly TempFolder _folder = new();
    private readonly string _siglip;

    public SiglipFolderTests(SmallCheckpoint checkpoint)
    {
        _checkpoint = checkpoint;
        _siglip = _folder.File("siglip2-small-patch16");
        SmallCheckpoint.CopyTo(_siglip, source: Path.Combine(Fixtures.Judges, "siglip"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_is_built_once_and_described()
    {
        var (first, second) = (await SanaProgram.Run("build", _siglip, "--json"), await SanaProgram.Run("build", _siglip, "--json"));
        var (info, text) = (await SanaProgram.Run("info", _siglip, "--json"), await SanaProgram.Run("info", _siglip));

        Assert.Equal((0, 0, 0, 0), (first.ExitCode, second.ExitCode, info.ExitCode, text.ExitCode));
        Assert.True(JsonElement.Parse(first.Output).GetProperty("written").GetBoolean());
        Assert.False(JsonElement.Parse(second.Output).GetProperty("written").GetBoolean());
        var described = JsonElement.Parse(info.Output).GetProperty("checkpoint");
        Assert.Equal("SigLIP", described.GetProperty("family").GetString());
        Assert.Equal(JsonElement.Parse(first.Output).GetProperty("fingerprint").GetString(), described.GetProperty("fingerprint").GetString());
        Assert.Contains("siglip2-small-patch16: SigLIP, ", text.Output, StringComparison.Ordinal);
        Assert.Contains("one half at a score of ", text.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model_type":"siglip2"}""", "NaFlex")]
    [InlineData("""{"model_type":"siglip","vision_config":{"vision_use_head":false}}""", "vision_use_head")]
    public async Task A_form_that_cannot_be_built_is_refused_in_one_sentence(string config, string named)
    {
        File.WriteAllText(Path.Combine(_siglip, "config.json"), config);

        foreach (var command in (string[])["build", "info"])
        {
            var run = await SanaProgram.Run(command, _siglip);

            Assert.Equal(1, run.ExitCode);
            Assert.Contains(named, run.Error, StringComparison.Ordinal);
            Assert.Single(run.Error.Trim().Split('\n'));
        }
    }

    [Fact]
    public async Task A_dataset_is_scored_on_its_own_scale_and_says_whose_it_is()
    {
        Photographs.Fill(_folder.File("photos"), 6);
        string[] arguments = ["curate", _folder.File("photos"), "--dataset", "photos", "--data", _folder.File("data"), "--out", _folder.File("out")];

        var run = await SanaProgram.Run([.. arguments, "--scorer", _siglip]);
        var again = await SanaProgram.Run([.. arguments, "--clip", _siglip]);
        var soft = await SanaProgram.Run("select", "photos", "--data", _folder.File("data"), "--rule", "softmax", "--json");

        Assert.True((run.ExitCode, again.ExitCode, soft.ExitCode) == (0, 0, 0), run.Error + again.Error + soft.Error);
        var curated = new Curated(_folder.File("out"), "photos", "v1");
        var config = JsonNode.Parse(File.ReadAllText(curated.File("config.json")))!;
        Assert.Equal(("siglip2-small-patch16", "siglip"), ((string?)config["scorer"]!["name"], (string?)config["scorer"]!["family"]));
        Assert.Equal(10, (int)config["selection"]!["threshold"]!);
        Assert.Equal(10, JsonElement.Parse(soft.Output).GetProperty("options").GetProperty("threshold").GetDouble());
        var table = Encoding.Latin1.GetString(File.ReadAllBytes(curated.File("shards/00000.parquet")));
        Assert.Contains("clip_score__siglip2-small-patch16", table, StringComparison.Ordinal);
        var report = File.ReadAllText(curated.File("report.html"));
        Assert.Contains("SigLIP, siglip2-small-patch16", report, StringComparison.Ordinal);
        Assert.DoesNotContain("CLIP", report.Replace("SigLIP", "", StringComparison.Ordinal), StringComparison.Ordinal);
        var scores = curated.Rows().SelectMany(row => row.Candidates).Select(candidate => candidate.Score).OfType<double>().ToArray();
        Assert.NotEmpty(scores);
        Assert.All(scores, score => Assert.InRange(score, -100, 100));
        Assert.False(Directory.Exists(Path.Combine(_folder.File("out"), "datasets", "photos", "v2")));
    }

    [Fact]
    public async Task An_evaluation_is_scored_and_not_compared_with_another_scorer_s()
    {
        string[] few = ["eval", "-c", _checkpoint.Path, "--prompts-per-category", "1", "--images", "1", "--sweep-prompts", "1", "--main-steps", "1", "--side", "64",
            "--steps", "none", "--guidance", "none"];
        var clip = _folder.File("clip-vit-small-patch8");
        SmallCheckpoint.CopyTo(clip, source: Path.Combine(Fixtures.Clip, "checkpoint"));

        var first = await SanaProgram.Run([.. few, "--clip", clip, "--out", _folder.File("one")]);
        var second = await SanaProgram.Run([.. few, "--scorer", _siglip, "--out", _folder.File("two"), "--against", _folder.File("one/eval.json")]);

        Assert.True((first.ExitCode, second.ExitCode) == (0, 0), first.Error + second.Error);
        Assert.Contains("scores (100 × cosine) by siglip2-small-patch16", File.ReadAllText(_folder.File("two/eval.md")), StringComparison.Ordinal);
        Assert.Contains("are not compared", second.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("are not compared", first.Error, StringComparison.Ordinal);
    }
}
