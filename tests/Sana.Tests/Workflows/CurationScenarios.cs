using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Inference.Imaging;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>The scenarios of curation, part of the table of <see cref="JobScenarios"/>.</summary>
internal static partial class CurationScenarios
{
    private const string TwoCaptioners = """
        {"captioners": [
          {"label": "Plain", "endpoint": "http://127.0.0.1:9/v1", "model": "plain-1b", "prompt": "Describe the image."},
          {"label": "Rich-2", "endpoint": "http://127.0.0.1:9/v1", "model": "rich-2b", "prompt": "Describe the image."}
        ]}
        """;

    public static readonly JobScenario[] All =
    [
        new("A source is curated file by file", FileByFile, "Completed, duplicate 1 rejected 3 success 2, duplicate_of 1 empty_file 1 not_an_image 1 truncated 1"),
        new("A source is cut into shards", ManyShards, "Completed, success 40, 14 tars"),
        new("Every captioner and the original have their say", AllHaveTheirSay, "Completed, success 6, asks 6+6, candidates 3/3, scored 18"),
        new("SigLIP scores on its own scale", SiglipScores, "Completed, success 6, scored 18 by siglip2-small-patch16, threshold 10, kept by select 10, again Completed"),
        new("A captioner that is down leaves the others", OneIsDown, "Completed, success 6, candidates 2/3"),
        new("A retry asks again only what failed for its reasons", Retried, "Completed, success 5 failed 1, retried empty: 0 asks, retried captioner_timeout: 2 asks, success 6"),
        new("A budget stops captions, and a retry under a greater one finishes them", Budgeted, "asks 3, success 3 failed 3, then asks 3 more, success 6, spent 0.06"),
        new("Images stay while a retry may cure something, and are made again where they are missing", Cleaned,
            "success 3 failed 1: 4 images, cleaned 4, retried success 4 with 0 images and the same tar, kept by option 4"),
        new("A run of a finished version pays nothing", Twice, "asks 12, again 0, same tree"),
        new("The next version takes what is new", NextVersion, "v1 success 6, again v1, v2 known 6 success 2 since v1"),
        new("An image that is there twice gives its captions to the first", Given,
            "duplicate 2 success 2, prompt=picture number 0 prompt_2=the same again prompt_3=and again, 2 images, 4 captions"),
        new("A version without an image is not published", NotPublished, "filtered 2, published False, again v1, with captions v2: success 2 since "),
        new("Captions that were edited are counted, and taken by option", Edited,
            "again v1, v2: known 3, 1 edited, published False, again v2, v3: known 2 success 1 since v1, edited number 1"),
        new("A version stands for its settings", OtherSettings, "Failed: was made with filters.min_side none, not 200; give it another version."),
        new("How a finished run was operated may change", OtherOperation, "Completed, asks 12, again Completed with 0, same config, same tree"),
        new("A run that is under way takes no other settings", OtherSettingsWhileUnderWay, "selection.tau 0.1, not 0.2 | captioners[0].prompt \"Describe the image.\", not \"Say what it is.\" | captioners Plain and Rich-2, not Rich-2 | ingest.output \"Jpeg\", not \"Png\" | operated otherwise: new False, Completed"),
        new("Captions that are kept take the licence of the configuration", OtherLicence, "asks 12, again 0, licence cc0"),
        new("A shard of failures is left, and a retry goes on behind them", TooManyFailures, "Completed, failed 192 filtered 24 rejected 40, then filtered 216 rejected 40"),
        new("An empty source fails", Empty, "Failed: give a folder or container with images, a tar or a manifest.", PassesTime: true),
    ];

    private static async Task<string> FileByFile(JobHost host)
    {
        var source = host.File("source");
        Directory.CreateDirectory(Path.Combine(source, "Sub Folder"));
        File.WriteAllBytes(Path.Combine(source, "A.PNG"), Picture(1));
        File.WriteAllBytes(Path.Combine(source, "Sub Folder", "ü.jpg"), Picture(1));
        File.WriteAllBytes(Path.Combine(source, "z.webp"), ImageCodec.Encode(Noise(2), ImageFormat.Webp));
        File.WriteAllBytes(Path.Combine(source, "cut.png"), Picture(3)[..1000]);
        File.WriteAllBytes(Path.Combine(source, "empty.png"), []);
        File.WriteAllText(Path.Combine(source, "page.jpg"), "<html>not here</html>");
        foreach (var image in (string[])["A", "Sub Folder/ü", "z"])
            File.WriteAllText(Path.Combine(source, image + ".txt"), "what it shows");

        var end = await Run(host, Job(host, new CurationSettings { ItemsPerShard = 4 }));
        return $"{end.Status}, {Statuses(end)}, {Told(end.ReadOutput<CurateSummary>().Reasons)}";
    }

    private static async Task<string> ManyShards(JobHost host)
    {
        Pictures(host, 40);
        var end = await Run(host, Job(host, new CurationSettings { ItemsPerShard = 3 }));
        var tars = (await Tree.Of(host.Blobs, "datasets/pets/v1/shards/")).Split('\n').Count(line => line.Contains(".tar", StringComparison.Ordinal));
        return $"{end.Status}, {Statuses(end)}, {tars} tars";
    }

    private static async Task<string> AllHaveTheirSay(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        var end = await Run(host, Job(host, Captioned with { Clip = host.Clip() }));
        var rows = await Rows(host, "v1");
        return $"{end.Status}, {Statuses(end)}, asks {Asks(host)}, candidates {rows[0].CandidatesPresent}/{rows[0].CandidatesExpected}, "
            + $"scored {rows.Sum(row => row.Candidates.Count(candidate => candidate.ClipTokens is not null))}";
    }

    private static async Task<string> SiglipScores(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        var job = Job(host, Captioned with { Clip = host.Siglip() });
        var end = await Run(host, job);
        var rows = await Rows(host, "v1");
        var config = JsonNode.Parse(await host.Blobs.Read("datasets/pets/v1/config.json", default))!;
        Assert.Equal("siglip", (string?)config["scorer"]!["family"]);
        var table = Encoding.Latin1.GetString((await host.Blobs.Read("datasets/pets/v1/shards/00000.parquet", default))!);
        Assert.Contains("clip_score__siglip2-small-patch16", table, StringComparison.Ordinal);
        var report = Encoding.UTF8.GetString((await host.Blobs.Read("datasets/pets/v1/report.html", default))!);
        Assert.All((string[])["SigLIP, siglip2-small-patch16", "Even chance at score", "SigLIP score, 100 × cosine", "cut by SigLIP"], text => Assert.Contains(text, report, StringComparison.Ordinal));
        Assert.DoesNotContain("CLIP score", report, StringComparison.Ordinal);
        var selected = await DatasetSelection.Run(host.Blobs, "pets", "v1", "again", before => before with { Rule = SelectionRule.Max }, default);
        // As earlier versions of the program wrote it down: the same run.
        var again = await Run(host, job with { Settings = job.Settings with { Selection = new SelectionOptions { Threshold = 10 } } });
        var scored = rows.SelectMany(row => row.Candidates).Where(candidate => candidate.Score is not null).ToArray();
        return $"{end.Status}, {Statuses(end)}, scored {scored.Length} by {config["scorer"]!["name"]}, "
            + $"threshold {config["selection"]!["threshold"]}, kept by select {selected.Options.Threshold}, again {again.Status}";
    }

    private static async Task<string> OneIsDown(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        host.Answers["Plain"] = (_, _) => FakeCaptioner.Silent(Reasons.CaptionerUnavailable);
        var end = await Run(host, Job(host, Captioned));
        var rows = await Rows(host, "v1");
        Assert.All(rows, row => Assert.Equal(Reasons.CaptionerUnavailable, row.Candidates.Single(candidate => candidate.Label == "Plain").Reason));
        return $"{end.Status}, {Statuses(end)}, candidates {rows[0].CandidatesPresent}/{rows[0].CandidatesExpected}";
    }

    private static async Task<string> Retried(JobHost host)
    {
        Pictures(host, 6, captions: false);
        var bad = Path.Combine(host.File("source"), "03.png");
        var isDown = true;
        Func<CaptionAsk, int, CaptionAnswer> moody = (ask, _) => isDown && ask.Width == 43 ? FakeCaptioner.Silent(Reasons.CaptionerTimeout) : FakeCaptioner.Said(FakeCaptioner.Of(ask));
        File.WriteAllBytes(bad, Picture(3, width: 43));
        host.Answers["Plain"] = host.Answers["Rich-2"] = moody;
        var first = await Run(host, Job(host, Captioned));
        isDown = false;
        var before = Total(host);
        Assert.True(await CurationSubmission.Retry(host.Client, first.Id, ["caption_empty"]));
        await host.Work(first.Id);
        var empty = Total(host) - before;
        Assert.True(await CurationSubmission.Retry(host.Client, first.Id, ["captioner_timeout"]));
        var second = await host.Work(first.Id);
        return $"{first.Status}, {Statuses(first, "success", "failed")}, retried empty: {empty} asks, retried captioner_timeout: {Total(host) - before} asks, {Statuses(second)}";
    }

    private static async Task<string> Cleaned(JobHost host)
    {
        Pictures(host, 4, captions: false);
        File.WriteAllBytes(Path.Combine(host.File("source"), "03.png"), Picture(3, width: 43));
        var isDown = true;
        host.Answers["Plain"] = host.Answers["Rich-2"] = (ask, _) => isDown && ask.Width == 43 ? FakeCaptioner.Silent(Reasons.CaptionerTimeout) : FakeCaptioner.Said(FakeCaptioner.Of(ask));
        var first = await Run(host, Job(host, Captioned));
        var kept = await Images();
        var cleaned = await Cleaning.Run(host.Blobs, new CleanOptions(), default);
        Assert.Equal(0, await Images());
        Assert.NotEmpty(await Tree.Of(host.Blobs, "cache/captions/"));

        isDown = false;
        Assert.True(await CurationSubmission.Retry(host.Client, first.Id, ["captioner_timeout"]));
        var second = await host.Work(first.Id);
        var images = await Images();
        await Run(host, Job(host, Captioned with { KeepImages = true }) with { Version = "v2" });
        Assert.Equal(await host.Blobs.Read("datasets/pets/v2/shards/00000.tar", default), await host.Blobs.Read("datasets/pets/v1/shards/00000.tar", default));
        return $"{Statuses(first, "success", "failed")}: {kept} images, cleaned {cleaned.Kinds[0].Files}, retried {Statuses(second)} with {images} images and the same tar, kept by option {await Images()}";

        async Task<int> Images() => await host.Blobs.List("cache/images/", default).CountAsync();
    }

    private static async Task<string> Budgeted(JobHost host)
    {
        Pictures(host, 6, captions: false);
        Honest(host);
        var one = TwoCaptioners.Replace("""{"label": "Plain", "endpoint": "http://127.0.0.1:9/v1", "model": "plain-1b", "prompt": "Describe the image."},""", "", StringComparison.Ordinal)
            .Replace("\"Describe the image.\"", "\"Describe the image.\", \"concurrency\": 1", StringComparison.Ordinal);
        var settings = new CurationSettings { Captioners = one, Budget = new Budget(0.03m) };
        var first = await Run(host, Job(host, settings));
        var asks = Total(host);

        var started = await CurationSubmission.Start(host.Client, host.Blobs, Job(host, settings with { Budget = new Budget(1m) }), CurationSubmission.Pace, default);
        await host.Work(started.Instance.Id);
        await CurationSubmission.Retry(host.Client, started.Instance.Id, ["budget"]);
        var second = await host.Work(started.Instance.Id);
        return $"asks {asks}, {Statuses(first, "success", "failed")}, then asks {Total(host)} more, {Statuses(second)}, spent {second.ReadOutput<CurateSummary>().Spent.Cost.ToString(CultureInfo.InvariantCulture)}";
    }

    private static async Task<string> Twice(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        var job = Job(host, Captioned with { Clip = host.Clip() });
        var end = await Run(host, job);
        var (asks, tree) = (Total(host), await Tree.Of(host.Blobs, "datasets/pets/v1/shards/"));
        await host.Client.Purge(end.Id);
        await Run(host, job);
        Assert.Equal(tree, await Tree.Of(host.Blobs, "datasets/pets/v1/shards/"));
        return $"asks {asks}, again {Total(host) - asks}, same tree";
    }

    private static async Task<string> NextVersion(JobHost host)
    {
        Pictures(host, 6);
        var job = Job(host, new CurationSettings());
        var first = await Run(host, await CurationSubmission.Next(host.Blobs, job, default));
        var again = await CurationSubmission.Next(host.Blobs, job, default);
        Pictures(host, 8);
        var next = await CurationSubmission.Next(host.Blobs, job, default);
        var second = await Run(host, next);
        return $"v1 {Statuses(first)}, again {again.Version}, {next.Version} {Statuses(second)} since {next.Since}";
    }

    private static async Task<string> Given(JobHost host)
    {
        Pictures(host, 2);
        var source = host.File("source");
        foreach (var (name, caption) in new[] { ("08", "the same again"), ("09", "and again") })
        {
            File.Copy(Path.Combine(source, "00.png"), Path.Combine(source, name + ".png"));
            File.WriteAllText(Path.Combine(source, name + ".txt"), caption);
        }

        var end = await Run(host, Job(host, new CurationSettings { ItemsPerShard = 3 }));
        var row = (await Rows(host, "v1"))[0];
        var facts = end.ReadOutput<CurateSummary>().Source!;
        return $"{Statuses(end)}, {string.Join(' ', row.Candidates.Select(candidate => $"{candidate.Label}={candidate.Text}"))}, {facts.Images} images, {facts.Captions} captions";
    }

    private static async Task<string> NotPublished(JobHost host)
    {
        Pictures(host, 2, captions: false);
        var job = Job(host, new CurationSettings());
        var first = await Run(host, await CurationSubmission.Next(host.Blobs, job, default));
        var again = await CurationSubmission.Next(host.Blobs, job, default);
        var isPublished = await host.Blobs.Exists("datasets/pets/v1/manifest.json", default);
        Pictures(host, 2);
        var next = await CurationSubmission.Next(host.Blobs, job, default);
        return $"{Statuses(first)}, published {isPublished}, again {again.Version}, with captions {next.Version}: {Statuses(await Run(host, next))} since {next.Since}";
    }

    private static async Task<string> Edited(JobHost host)
    {
        Pictures(host, 3);
        var job = Job(host, new CurationSettings());
        await Run(host, await CurationSubmission.Next(host.Blobs, job, default));
        var again = await CurationSubmission.Next(host.Blobs, job, default);

        // As long as before; only its time tells.
        var text = Path.Combine(host.File("source"), "01.txt");
        File.WriteAllText(text, "edited number  1");
        File.SetLastWriteTimeUtc(text, DateTime.UtcNow.AddHours(1));
        var next = await CurationSubmission.Next(host.Blobs, job, default);
        var second = await Run(host, next);
        var isPublished = await host.Blobs.Exists("datasets/pets/v2/manifest.json", default);
        var still = await CurationSubmission.Next(host.Blobs, job, default);
        var taking = await CurationSubmission.Next(host.Blobs, job with { Settings = job.Settings with { EditedCaptions = true } }, default);
        var third = await Run(host, taking);
        return $"again {again.Version}, {next.Version}: {Statuses(second)}, {second.ReadOutput<CurateSummary>().Source!.Edited} edited, published {isPublished}, again {still.Version}, "
            + $"{taking.Version}: {Statuses(third)} since {taking.Since}, {(await Rows(host, "v3")).Single(row => row.Status == RowStatus.Success).Caption}";
    }

    private static async Task<string> TooManyFailures(JobHost host)
    {
        var source = Directory.CreateDirectory(host.File("source")).FullName;
        for (var i = 0; i < 256; i++)
            File.WriteAllBytes(Path.Combine(source, string.Create(CultureInfo.InvariantCulture, $"{i:000}.png")), i < 40 ? "no image"u8.ToArray() : Picture(i));
        var first = await Run(host, Job(host, new CurationSettings { MaxFailures = 0.5 }));
        await CurationSubmission.Retry(host.Client, first.Id, [Reasons.FailureThreshold]);
        var second = await host.Work(first.Id);
        return $"{first.Status}, {Statuses(first)}, then {Statuses(second)}";
    }

    private static async Task<string> OtherSettings(JobHost host)
    {
        Pictures(host, 2);
        await Run(host, Job(host, new CurationSettings()));
        return Sentence(await Run(host, Job(host, new CurationSettings { Filters = FilterRules.DataCompBasic })));
    }

    private static async Task<string> OtherOperation(JobHost host)
    {
        Pictures(host, 6);
        Honest(host);
        var first = await Run(host, Job(host, Captioned));
        var (asks, config, tree) = (Total(host), await host.Blobs.Read("datasets/pets/v1/config.json", default), await Tree.Of(host.Blobs, "datasets/pets/v1/shards/"));
        var again = await Run(host, Job(host, OperatedOtherwise));
        Assert.Equal(config, await host.Blobs.Read("datasets/pets/v1/config.json", default));
        Assert.Equal(tree, await Tree.Of(host.Blobs, "datasets/pets/v1/shards/"));
        return $"{first.Status}, asks {asks}, again {again.Status} with {Total(host)}, same config, same tree";
    }

    private static async Task<string> OtherSettingsWhileUnderWay(JobHost host)
    {
        Pictures(host, 2);
        using var gate = new ManualResetEventSlim();
        host.Answers["Plain"] = host.Answers["Rich-2"] = (ask, _) =>
        {
            gate.Wait();
            return FakeCaptioner.Said(FakeCaptioner.Of(ask));
        };
        var started = await CurationSubmission.Start(host.Client, host.Blobs, Job(host, Captioned), CurationSubmission.Pace, default);
        var refusals = new List<string>();
        foreach (var settings in (CurationSettings[])
        [
            Captioned with { Selection = new SelectionOptions { Tau = 0.2 } },
            Captioned with { Captioners = TwoCaptioners.Replace("\"plain-1b\", \"prompt\": \"Describe the image.\"", "\"plain-1b\", \"prompt\": \"Say what it is.\"", StringComparison.Ordinal) },
            Captioned with { Captioners = """{"captioners": [{"label": "Rich-2", "endpoint": "http://127.0.0.1:9/v1", "model": "rich-2b", "prompt": "Describe the image."}]}""" },
            Captioned with { Ingest = new IngestOptions { Output = ImageFormat.Png } },
        ])
        {
            var error = await Assert.ThrowsAsync<UnusableJobException>(() => CurationSubmission.Start(host.Client, host.Blobs, Job(host, settings), CurationSubmission.Pace, default));
            Assert.StartsWith("Dataset pets v1 is under way with ", error.Message, StringComparison.Ordinal);
            Assert.EndsWith("; give it another version.", error.Message, StringComparison.Ordinal);
            refusals.Add(error.Message["Dataset pets v1 is under way with ".Length..^"; give it another version.".Length]);
        }

        var (_, isNew) = await CurationSubmission.Start(host.Client, host.Blobs, Job(host, OperatedOtherwise), CurationSubmission.Pace, default);
        gate.Set();
        return $"{string.Join(" | ", refusals)} | operated otherwise: new {isNew}, {(await host.Work(started.Instance.Id)).Status}";
    }

    private static async Task<string> OtherLicence(JobHost host)
    {
        Pictures(host, 6, captions: false);
        Honest(host);
        var job = Job(host, Captioned);
        await Run(host, job);
        var asks = Total(host);
        await Run(host, job with { Version = "v2", Settings = Captioned with { Captioners = TwoCaptioners.Replace("\"prompt\":", "\"licence\": \"cc0\", \"prompt\":", StringComparison.Ordinal) } });
        var licences = (await Rows(host, "v2")).SelectMany(row => row.Candidates).Select(candidate => candidate.Licence).Distinct();
        return $"asks {asks}, again {Total(host)}, licence {string.Join('/', licences)}";
    }

    private static async Task<string> Empty(JobHost host)
    {
        Directory.CreateDirectory(host.File("source"));
        return Sentence(await Run(host, Job(host, new CurationSettings())));
    }

    private static CurationSettings Captioned => new() { Captioners = TwoCaptioners };

    /// <summary>The same results from another endpoint with another key, price and pace.</summary>
    private static CurationSettings OperatedOtherwise => new()
    {
        Captioners = TwoCaptioners.Replace("\"http://127.0.0.1:9/v1\"", "\"http://127.0.0.1:8/v1\", \"concurrency\": 2, \"requests_per_minute\": 600, \"api_key_env\": \"OTHER_KEY\", \"max_attempts\": 2, \"deadline_seconds\": 9, \"price\": {\"per_million_input\": 1}", StringComparison.Ordinal),
        Budget = new Budget(100),
        MaxFailures = 0.5,
    };

    private static CurationJob Job(JobHost host, CurationSettings settings) => new(host.File("source"), "pets", "v1", null, settings);

    private static async Task<WorkflowInstance> Run(JobHost host, CurationJob job)
    {
        var started = await CurationSubmission.Start(host.Client, host.Blobs, job, CurationSubmission.Pace, default);
        return await host.Work(started.Instance.Id);
    }

    private static void Honest(JobHost host)
    {
        host.Answers["Plain"] = (ask, _) => FakeCaptioner.Said(FakeCaptioner.Of(ask));
        host.Answers["Rich-2"] = (ask, _) => FakeCaptioner.Said(FakeCaptioner.Of(ask).Replace("small", "rather small", StringComparison.Ordinal));
    }

    private static void Pictures(JobHost host, int count, bool captions = true)
    {
        var source = Directory.CreateDirectory(host.File("source")).FullName;
        for (var i = 0; i < count; i++)
        {
            File.WriteAllBytes(Path.Combine(source, string.Create(CultureInfo.InvariantCulture, $"{i:00}.png")), Picture(i));
            if (captions)
                File.WriteAllText(Path.Combine(source, string.Create(CultureInfo.InvariantCulture, $"{i:00}.txt")), $"picture number {i}");
        }
    }

    private static byte[] Picture(int seed, int width = 40) => ImageCodec.Encode(Noise(seed, width), ImageFormat.Png);

    private static RgbImage Noise(int seed, int width = 40)
    {
        var pixels = new byte[3 * width * 32];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, 32, pixels);
    }

    private static async Task<List<IndexRow>> Rows(JobHost host, string version) =>
        await host.Blobs.ReadLines($"datasets/pets/{version}/shards/00000.jsonl", CurationJson.Lines.IndexRow, default);

    private static int Total(JobHost host) => host.Captioners.Values.Sum(captioner => captioner.Asks);

    private static string Asks(JobHost host) => string.Join('+', host.Captioners.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => one.Value.Asks));

    private static string Statuses(WorkflowInstance end, params string[] order)
    {
        var statuses = end.Output is null ? throw new InvalidOperationException(end.Error) : end.ReadOutput<CurateSummary>().Statuses;
        return order.Length == 0 ? Told(statuses) : Told(statuses.OrderBy(status => Array.IndexOf(order, status.Key)));
    }

    private static string Told(IEnumerable<KeyValuePair<string, long>> counts) => string.Join(' ', counts.Select(count => $"{count.Key} {count.Value}"));

    private static string Sentence(WorkflowInstance end) => $"{end.Status}: {end.Error![(end.Error!.Contains("was made", StringComparison.Ordinal) ? end.Error.IndexOf("was made", StringComparison.Ordinal) : end.Error.IndexOf("give a", StringComparison.Ordinal))..]}";
}
