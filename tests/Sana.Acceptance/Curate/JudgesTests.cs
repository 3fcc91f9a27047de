using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Acceptance.Support;
using Sana.Curation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>Judges of images and two scorers, from the command line.</summary>
public sealed class JudgesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Photographs_are_judged_scored_twice_and_chosen_again_by_the_other_scorer()
    {
        Photographs.Fill(_folder.File("photos"), 6);
        foreach (var (name, source) in new[] { ("clip-vit-base-patch8", Path.Combine(Fixtures.Clip, "checkpoint")), ("siglip2-small-patch16", Path.Combine(Fixtures.Judges, "siglip")), ("nsfw", Path.Combine(Fixtures.Judges, "classifier")) })
            SmallCheckpoint.CopyTo(_folder.File(name), source: source);
        var label = JsonNode.Parse(File.ReadAllText(_folder.File("nsfw/config.json")))!["id2label"]!["1"]!;
        File.WriteAllText(_folder.File("captioners.json"), $$"""
            {"judges": [
              {"label": "laion", "kind": "aesthetic", "checkpoint": "{{Path.Combine(Fixtures.Judges, "aesthetic", "linear.safetensors")}}", "max": -1000},
              {"label": "nsfw", "kind": "classifier", "checkpoint": "{{_folder.File("nsfw")}}", "class": "{{label}}"},
            ]}
            """);
        string[] places = ["--data", _folder.File("data"), "--out", _folder.File("out")];
        string[] curate = ["curate", _folder.File("photos"), "--dataset", "photos", .. places, "--scorer", _folder.File("clip-vit-base-patch8"), "--scorer", _folder.File("siglip2-small-patch16")];

        var info = await SanaProgram.Run("info", _folder.File("nsfw"));
        var none = await SanaProgram.Run([.. curate, "--captioners", _folder.File("captioners.json")]);
        File.WriteAllText(_folder.File("captioners.json"), File.ReadAllText(_folder.File("captioners.json")).Replace(", \"max\": -1000", "", StringComparison.Ordinal));
        var run = await SanaProgram.Run([.. curate, "--captioners", _folder.File("captioners.json")]);
        var again = await SanaProgram.Run(["select", "photos", .. places, "--score-by", "siglip2-small-patch16", "--json"]);
        var unknown = await SanaProgram.Run(["select", "photos", .. places, "--score-by", "other"]);

        Assert.Contains("nsfw: judge of images, classifier, ", info.Output, StringComparison.Ordinal);
        Assert.True((none.ExitCode, run.ExitCode, again.ExitCode) == (1, 0, 0), none.Error + run.Error + again.Error);
        Assert.Contains("judge_score", none.Output + none.Error, StringComparison.Ordinal);
        var curated = new Curated(_folder.File("out"), "photos", "v2");
        var rows = curated.Rows().Where(row => row.Status == RowStatus.Success).ToArray();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(["laion", "nsfw"], row.Judges!.Where(judge => judge.Score is not null).Select(judge => judge.Label)));
        Assert.All(rows.SelectMany(row => row.Candidates).Where(candidate => candidate.Score is not null), candidate => Assert.Equal("siglip2-small-patch16", candidate.OtherScores!.Single().Scorer));
        var table = Encoding.Latin1.GetString(File.ReadAllBytes(curated.File("shards/00000.parquet")));
        Assert.All((string[])["aesthetic__laion", "classifier__nsfw", "clip_score__vit-b-8", "clip_score__siglip2-small-patch16"], column => Assert.Contains(column, table, StringComparison.Ordinal));
        var options = JsonElement.Parse(again.Output).GetProperty("options");
        Assert.Equal(("siglip2-small-patch16", 10d), (options.GetProperty("scorer").GetString(), options.GetProperty("threshold").GetDouble()));
        Assert.Contains("has no scores by 'other'; it has those by vit-b-8 and siglip2-small-patch16.", unknown.Error, StringComparison.Ordinal);
    }
}
