using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Curation.Report;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Curation.Sources;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Inference.Judging;
using Sana.Jobs.Networks;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>
/// What the steps of one dataset work with, opened once in a process: every step of a job meets the same captioners, with their rate limits and open circuits. A dataset that no step uses is
/// closed once <see cref="MaxIdle"/> others were used after it; one that a step uses is never closed.
/// </summary>
internal sealed class OpenDatasets(IBlobs blobs, CurationTools tools) : IDisposable
{
    /// <summary>Datasets that stay open although no step uses them.</summary>
    public const int MaxIdle = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly OpenNetworks _networks = new(tools);
    private long _uses;
    private bool _isClosed;

    /// <summary>The dataset of a job. Whoever asked disposes the answer when the step has ended.</summary>
    /// <exception cref="SanaException">There is no such job, or its source is not there.</exception>
    public async Task<DatasetLease> Open(string job, CancellationToken cancellationToken)
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            if (!_entries.TryGetValue(job, out entry!) || entry.Opening.IsFaulted)
                _entries[job] = entry = new Entry(Task.Run(() => Read(job), CancellationToken.None));
            entry.Users++;
        }

        try
        {
            return new DatasetLease(await entry.Opening.WaitAsync(cancellationToken), () => Release(entry));
        }
        catch
        {
            Release(entry);
            throw;
        }
    }

    public void Dispose()
    {
        lock (_lock)
            _isClosed = true;
        CloseIdle();
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            entry.Users--;
            entry.LastUse = ++_uses;
        }

        CloseIdle();
    }

    private void CloseIdle()
    {
        var closed = new List<OpenDataset>();
        bool isEnd;
        lock (_lock)
        {
            string[] idle = [.. _entries.Where(entry => entry.Value is { Users: 0, Opening.IsCompleted: true }).OrderByDescending(entry => entry.Value.LastUse).Select(entry => entry.Key)];
            foreach (var job in idle.Skip(_isClosed ? 0 : MaxIdle))
            {
                if (_entries.Remove(job, out var entry) && entry.Opening.IsCompletedSuccessfully)
                    closed.Add(entry.Opening.Result);
            }

            isEnd = _isClosed && _entries.Count == 0;
        }

        foreach (var dataset in closed)
            dataset.Dispose();
        if (!isEnd)
            return;
        // The last step has ended: nothing is scored any more.
        _networks.Dispose();
    }

    private async Task<OpenDataset> Read(string name)
    {
        var json = await blobs.Read(name, default) ?? throw new SanaException($"{blobs.Place} has no {name}; start the run again.");
        var job = JsonSerializer.Deserialize(json, CurateJson.Readable.CurationJob)!;
        CurationSubmission.Check(job);
        var place = await SourcePlace.Open(job.Source, job.Settings.Reading.Links, default);
        var before = job.Since is { } since ? new DatasetNames(job.Dataset, since) : null;
        var scorers = new List<ClipScorer>();
        foreach (var checkpoint in (job.Settings.OtherScorers ?? []).Prepend(job.Settings.Clip).OfType<string>())
            scorers.Add(await _networks.Scorer(checkpoint, job.Settings.ScorersIn));
        ScorerOrder.Sort(scorers, job.Settings.Selection.Scorer);
        var scorer = scorers.FirstOrDefault();
        var judges = new List<(JudgeCard Card, IJudge Judge)>();
        foreach (var config in job.Settings.ReadJudges())
        {
            var (judge, precision) = await _networks.Judge(config, job.Settings.Clip, job.Settings.ScorersIn);
            judges.Add((JudgePlace.Card(config, judge, precision), judge));
        }

        // From here on the threshold is a number.
        var selection = job.Settings.Selection.For(scorer?.Family ?? ScorerFamily.Clip) with { Scorer = scorers.Count > 1 ? scorer!.Name : null };
        job = job with { Settings = job.Settings with { Selection = selection } };
        var captioners = new List<OpenCaptioner>();
        try
        {
            foreach (var config in job.Settings.ReadCaptioners())
                captioners.Add(await OpenCaptioner.Open(config, tools.Captioner));
            return new OpenDataset
            {
                Job = job,
                Names = new DatasetNames(job.Dataset, job.Version),
                Source = SourceReader.Open(place.Files, place.Path, job.Settings.Reading, tools.Download),
                Ingest = new ImageIngest(job.Settings.Ingest),
                Selector = new CaptionSelector(job.Settings.Selection),
                Captioners = captioners,
                Scorer = scorer,
                OtherScorers = [.. scorers.Skip(1)],
                Judges = judges,
                Known = await KnownHashes.Of(blobs, before, default),
                KnownCaptions = await KnownHashes.Captions(blobs, before, default),
            };
        }
        catch
        {
            foreach (var captioner in captioners)
                captioner.Dispose();
            throw;
        }
    }

    private sealed class Entry(Task<OpenDataset> opening)
    {
        public Task<OpenDataset> Opening => opening;

        public int Users { get; set; }

        public long LastUse { get; set; }
    }
}

/// <summary>A dataset while a step uses it.</summary>
internal sealed class DatasetLease(OpenDataset dataset, Action release) : IDisposable
{
    private Action? _release = release;

    public OpenDataset Dataset => dataset;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

/// <summary>One dataset's parts.</summary>
internal sealed class OpenDataset : IDisposable
{
    public required CurationJob Job { get; init; }

    public required DatasetNames Names { get; init; }

    public required SourceReader Source { get; init; }

    public required ImageIngest Ingest { get; init; }

    public required CaptionSelector Selector { get; init; }

    public required IReadOnlyList<OpenCaptioner> Captioners { get; init; }

    /// <summary>By whose scores captions are chosen.</summary>
    public required ClipScorer? Scorer { get; init; }

    /// <summary>Those whose scores are recorded beside.</summary>
    public required IReadOnlyList<ClipScorer> OtherScorers { get; init; }

    /// <summary>Who judges images. They are shared by all datasets.</summary>
    public required IReadOnlyList<(JudgeCard Card, IJudge Judge)> Judges { get; init; }

    /// <summary>All of them, the one that captions are chosen by first.</summary>
    public IEnumerable<ClipScorer> Scorers => Scorer is null ? [] : OtherScorers.Prepend(Scorer);

    /// <summary>Whether there is anything to score.</summary>
    public bool IsScored => Scorer is not null || Judges.Count > 0;

    public IReadOnlyList<JudgeCard> JudgeCards => field ??= [.. Judges.Select(one => one.Card)];

    public required KnownHashes Known { get; init; }

    public required KnownHashes KnownCaptions { get; init; }

    public CurationSettings Settings => Job.Settings;

    public IReadOnlyList<string> Labels => [.. Captioners.Select(captioner => captioner.Card.Label)];

    /// <summary>What all its shards have in common.</summary>
    public ShardSettings ShardSettings => new()
    {
        ImageExtension = Settings.Ingest.Output.Extension()[1..],
        Labels = Labels,
        Scorer = Scorer?.Name,
        OtherScorers = [.. OtherScorers.Select(one => one.Name)],
        Judges = JudgeCards,
        Selection = Settings.Selection,
        RunId = $"{Job.Dataset}/{Job.Version}",
        PipelineVersion = Tool,
    };

    /// <summary>Name and version of this program.</summary>
    public static string Tool { get; } = $"sana {typeof(OpenDataset).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>What this version stands for.</summary>
    public DatasetConfig Config(long items, string itemsSha256) => new(
        "sana.dataset/1",
        Job.Source,
        Job.Since,
        Settings.ItemsPerShard,
        Settings.Sample,
        items,
        itemsSha256,
        Settings.Reading,
        Settings.Ingest,
        Settings.Filters,
        Settings.Duplicates,
        [.. Captioners.Select(captioner => captioner.Card)],
        Scorer is null ? null : ScorerCard.Of(Scorer),
        Settings.Concepts,
        Settings.Selection,
        Settings.EditedCaptions,
        Judges.Count == 0 ? null : JudgeCards,
        OtherScorers.Count == 0 ? null : [.. OtherScorers.Select(ScorerCard.Of)]);

    /// <summary>What a report says of it beside its rows.</summary>
    public ReportRun ReportRun(string configSha256) => new()
    {
        Dataset = Job.Dataset,
        Version = Job.Version,
        Source = Job.Source,
        ParentVersion = Job.Since,
        ToolVersion = Tool,
        ConfigSha256 = configSha256,
        Captioners = [.. Captioners.Select(captioner => captioner.Card)],
        Scorer = Scorer?.Name,
        OtherScorers = [.. OtherScorers.Select(one => one.Name)],
        ScorerFamily = Scorer?.Family ?? ScorerFamily.Clip,
        EvenScore = Scorer?.EvenScore,
        Judges = JudgeCards,
        Selection = Settings.Selection,
        Filters = FilterFacts.Of(Settings),
        Currency = Captioners.Count > 0 ? Captioners[0].Currency : "USD",
    };

    /// <summary>The list of items that was read last: images of one shard are asked for one after the other. Steps read and replace it side by side.</summary>
    public ShardItems? LastItems { get; set; }

    /// <summary>The normalised image of a file: other limits or another form are other names.</summary>
    public string ImageName(string sha256) => SharedNames.Image(IngestId, sha256, Settings.Ingest.Output.Extension());

    private string IngestId => field ??= Digest.Sha256(JsonSerializer.SerializeToUtf8Bytes(Settings.Ingest, CurateJson.Readable.IngestOptions))[..16];

    public void Dispose()
    {
        foreach (var captioner in Captioners)
            captioner.Dispose();
        Source.Dispose();
    }
}

/// <summary>The items of a shard. A class, so that it is replaced whole.</summary>
internal sealed record ShardItems(int Shard, IReadOnlyList<SourceItem> Items);
