using System.Text;
using System.Text.Json.Nodes;
using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Jobs.Curation;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Several scorers of texts in a run.</summary>
internal static partial class CurationScenarios
{
    public static IEnumerable<JobScenario> Scoring =>
    [
        new("Two scorers give two columns, and captions are chosen by one of them", BothScore,
            "success 6, scored 18 by vit-b-8 from 25 and 18 by siglip2-small-patch16; by siglip2-small-patch16 from 10 they are exchanged, and select chooses the same from 10"),
        new("Scorers in eight bits are another run, which its files say, and their scores are near those of float32", EightBits,
            "none and w8a8 of the scorer, of the judge the same, same version Failed: was made with scorer.fingerprint, scores of 9 captions near and not the same"),
        new("A scorer that is not there cannot choose", UnknownScorer,
            "There is no scorer 'other' to choose by; the run's are vit-b-8. | Two scorers of the run are called vit-b-8, as their column would be; give the folder of one of them another name, or leave it out."),
    ];

    private static async Task<string> BothScore(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        const string siglip = "siglip2-small-patch16";
        var both = Captioned with { Clip = host.Clip(), OtherScorers = [host.Siglip()] };
        var first = await Run(host, Job(host, both));
        await Run(host, Job(host, both with { Selection = new SelectionOptions { Scorer = siglip } }) with { Version = "v2" });
        var (rows, exchanged) = (await Rows(host, "v1"), await Rows(host, "v2"));
        var config = JsonNode.Parse(await host.Blobs.Read("datasets/pets/v1/config.json", default))!;
        var other = JsonNode.Parse(await host.Blobs.Read("datasets/pets/v2/config.json", default))!;

        var table = Encoding.Latin1.GetString((await host.Blobs.Read("datasets/pets/v1/shards/00000.parquet", default))!);
        Assert.All((string[])["clip_score__vit-b-8", $"clip_score__{siglip}", $"score__{siglip}", $"window_score__{siglip}", "selection_scorer"], column => Assert.Contains(column, table, StringComparison.Ordinal));
        var report = Encoding.UTF8.GetString((await host.Blobs.Read("datasets/pets/v1/report.html", default))!);
        Assert.Contains($"{siglip}; these scores are recorded and chose nothing", report, StringComparison.Ordinal);
        Assert.All(Scored(rows).Zip(Scored(exchanged)), pair => Assert.Equal(
            (pair.First.Score, pair.First.OtherScores!.Single().Score), (pair.Second.OtherScores!.Single().Score, pair.Second.Score)));
        var selected = await DatasetSelection.Run(host.Blobs, "pets", "v1", "again", before => before with { Scorer = siglip, Threshold = null }, default);
        var again = JsonNode.Parse(await host.Blobs.Read("datasets/pets/v1/shards/00000_again.json", default))!;
        Assert.All(exchanged, row => Assert.Equal(row.Caption, (string?)again[row.Key]!["again"]));
        return $"{Statuses(first)}, scored {Scored(rows).Length} by {config["selection"]!["scorer"]} from {config["selection"]!["threshold"]} "
            + $"and {Scored(rows).Count(candidate => candidate.OtherScores is [{ Score: not null }])} by {config["other_scorers"]![0]!["name"]}; "
            + $"by {other["selection"]!["scorer"]} from {other["selection"]!["threshold"]} they are exchanged, and select chooses the same from {selected.Options.Threshold}";

        static Candidate[] Scored(IEnumerable<IndexRow> of) => [.. of.SelectMany(row => row.Candidates).Where(candidate => candidate.Score is not null)];
    }

    private static async Task<string> EightBits(JobHost host)
    {
        Pictures(host, 3);
        Honest(host);
        var captioners = TwoCaptioners.TrimEnd().TrimEnd('}') + "," + Judges(host, clip: null).TrimStart()[1..];
        var job = Job(host, new CurationSettings { Captioners = captioners, Clip = host.Clip() });
        var eightBits = job with { Settings = job.Settings with { ScorerPrecision = "w8a8" } };
        await Run(host, job);
        var same = await Run(host, eightBits);
        await Run(host, eightBits with { Version = "v2" });
        var (exact, other) = (await Config("v1"), await Config("v2"));
        double[][] scores = [.. await Task.WhenAll(((string[])["v1", "v2"]).Select(async version =>
            (await Rows(host, version)).OrderBy(row => row.Key, StringComparer.Ordinal).SelectMany(row => row.Candidates).Select(candidate => candidate.Score!.Value).ToArray()))];

        Assert.Equal((string?)exact["scorer"]!["name"], (string?)other["scorer"]!["name"]);
        Assert.NotEqual((string?)exact["scorer"]!["fingerprint"], (string?)other["scorer"]!["fingerprint"]);
        Assert.NotEqual((string?)exact["judges"]![0]!["fingerprint"], (string?)other["judges"]![0]!["fingerprint"]);
        Assert.All(scores[0].Zip(scores[1]), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 1e-9, 5));
        return $"{exact["scorer"]!["precision"] ?? "none"} and {other["scorer"]!["precision"]} of the scorer, "
            + $"of the judge {((string?)other["judges"]![0]!["precision"] == "w8a8" && exact["judges"]![0]!["precision"] is null ? "the same" : "another")}, "
            + $"same version {Sentence(same)[..(Sentence(same).IndexOf("fingerprint", StringComparison.Ordinal) + "fingerprint".Length)]}, scores of {scores[0].Length} captions near and not the same";

        async Task<JsonNode> Config(string version) => JsonNode.Parse(await host.Blobs.Read($"datasets/pets/{version}/config.json", default))!;
    }

    private static async Task<string> UnknownScorer(JobHost host)
    {
        Pictures(host, 1);
        var settings = new CurationSettings { Clip = host.Clip() };
        var unknown = await Run(host, Job(host, settings with { Selection = new SelectionOptions { Scorer = "other" } }));
        var twice = await Run(host, Job(host, settings with { OtherScorers = [host.Clip()] }) with { Version = "v2" });
        return $"{unknown.Error![unknown.Error!.IndexOf("There is no scorer", StringComparison.Ordinal)..]} | {twice.Error![twice.Error!.IndexOf("Two scorers", StringComparison.Ordinal)..]}";
    }
}
