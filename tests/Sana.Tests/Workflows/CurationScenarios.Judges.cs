using System.Globalization;
using System.Text;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Jobs.Curation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Judges of images in a run.</summary>
internal static partial class CurationScenarios
{
    public static IEnumerable<JobScenario> Judging =>
    [
        new("Judges score every image, and leave out what is beyond their limits", Judged,
            "Completed, success 6, scored 18, no captions scored, same version Failed: was made with judges[0].min none, v2 filtered 3 success 3, judge_score 3"),
        new("Judges read the vectors of the run's scorer, and a retry asks them nothing again", JudgedBesideScores,
            "success 5 failed 1, scored 18, retried success 6, the same of judges"),
    ];

    private static async Task<string> Judged(JobHost host)
    {
        Pictures(host, 6);
        var job = Job(host, new CurationSettings { Captioners = Judges(host, clip: host.Clip()) });
        var first = await Run(host, job);
        var rows = await Rows(host, "v1");
        var scores = rows.Select(row => Of(row, "laion")).Order().ToArray();
        var limit = ((scores[2] + scores[3]) / 2).ToString("R", CultureInfo.InvariantCulture);
        var limited = job with { Settings = new CurationSettings { Captioners = Judges(host, clip: host.Clip(), $"\"min\": {limit}, ") } };
        var same = await Run(host, limited);

        var second = await Run(host, limited with { Version = "v2" });

        var removed = await host.Blobs.ReadLines("datasets/pets/v2/removed/judge_score/00000.jsonl", CurationJson.Lines.IndexRow, default);
        Assert.Equal(scores[..3], removed.Select(row => Of(row, "laion")).Order());
        Assert.All(removed, row => Assert.Equal((RowStatus.Filtered, string.Create(CultureInfo.InvariantCulture, $"Its aesthetic__laion {Of(row, "laion"):0.####} is below {limit}.")), (row.Status, row.ErrorMessage)));
        var table = Encoding.Latin1.GetString((await host.Blobs.Read("datasets/pets/v2/shards/00000.parquet", default))!);
        Assert.All((string[])["aesthetic__laion", "classifier__nsfw", "safety_checker__sd", "judges"], column => Assert.Contains(column, table, StringComparison.Ordinal));
        var report = Encoding.UTF8.GetString((await host.Blobs.Read("datasets/pets/v2/report.html", default))!);
        Assert.All((string[])["<h2>Judges</h2>", "aesthetic__laion", $"probability of {JudgeReference.Labels[^1]} × 100", $"at least {limit}"], text => Assert.Contains(text, report, StringComparison.Ordinal));
        return $"{first.Status}, {Statuses(first)}, scored {rows.Sum(row => row.Judges!.Count(judge => judge.Score is not null))}, "
            + $"{(rows.All(row => row.Candidates.All(candidate => candidate.Score is null)) ? "no" : "some")} captions scored, "
            + $"same version {Sentence(same)[..Sentence(same).IndexOf(", not", StringComparison.Ordinal)]}, v2 {Statuses(second)}, {Told(second.ReadOutput<CurateSummary>().Reasons)}";
    }

    private static async Task<string> JudgedBesideScores(JobHost host)
    {
        Pictures(host, 6, captions: false);
        File.WriteAllBytes(Path.Combine(host.File("source"), "03.png"), Picture(3, width: 43));
        var isDown = true;
        host.Answers["Plain"] = host.Answers["Rich-2"] = (ask, _) => isDown && ask.Width == 43 ? FakeCaptioner.Silent(Reasons.CaptionerTimeout) : FakeCaptioner.Said(FakeCaptioner.Of(ask));
        var captioners = TwoCaptioners.TrimEnd().TrimEnd('}') + "," + Judges(host, clip: null).TrimStart()[1..];
        var first = await Run(host, Job(host, new CurationSettings { Captioners = captioners, Clip = host.Clip() }));
        var before = await Rows(host, "v1");
        isDown = false;
        foreach (var kind in (string[])["classifier", "safety-checker"])
            File.Delete(Path.Combine(host.Judge(kind), "model.onnx"));

        Assert.True(await CurationSubmission.Retry(host.Client, first.Id, ["captioner_timeout"]));
        var second = await host.Work(first.Id);

        var after = await Rows(host, "v1");
        var isSame = before.Zip(after).All(pair => pair.First.Judges!.SequenceEqual(pair.Second.Judges!));
        return $"{Statuses(first, "success", "failed")}, scored {before.Sum(row => row.Judges!.Count(judge => judge.Score is not null))}, retried {Statuses(second)}, {(isSame ? "the same" : "another")} of judges";
    }

    private static double Of(IndexRow row, string judge) => row.Judges!.Single(score => score.Label == judge).Score!.Value;

    private static string Judges(JobHost host, string? clip, string limit = "") => $$"""
        {"judges": [
          {"label": "laion", "kind": "aesthetic", {{limit}}{{(clip is null ? "" : $"\"clip\": \"{clip}\", ")}}"checkpoint": "{{JudgeReference.Head("linear")}}"},
          {"label": "nsfw", "kind": "classifier", "class": "{{JudgeReference.Labels[^1]}}", "checkpoint": "{{host.Judge("classifier")}}"},
          {"label": "sd", "kind": "safety-checker", "checkpoint": "{{host.Judge("safety-checker")}}"}
        ]}
        """;
}
