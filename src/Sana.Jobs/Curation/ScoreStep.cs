using System.Runtime.InteropServices;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Inference.Clip;
using Sana.Inference.Judging;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Scores every usable caption of a shard against its image, and has the judges say what they think of it. An image is read once, for all of them and for every retry.</summary>
internal sealed class ScoreStep(IBlobs blobs, OpenDatasets datasets, StageClock clock) : IDisposable
{
    private const int Batch = 32;

    // Only one batch of the process is decoded at once, so this bounds the decoded images of all runs.
    private const long MostBatchBytes = 256L << 20;

    // Scores are written with four digits, as Sana's are: what lies beyond is rounding of the arithmetic.
    private const int Digits = 4;

    private readonly SemaphoreSlim _network = new(1);

    public async Task<ItemCounts> Run(ShardTicket ticket, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var names = dataset.Names;
        var before = await blobs.TryReadLines(names.Scores(ticket.Shard), CurateJson.Readable.ScoreLine, cancellationToken);
        if (before is not null && ticket.Retry is null)
            return new ItemCounts(before.Count, 0, 0);

        var timing = clock.Start();
        if (!dataset.IsScored)
            throw new SanaException("The run has no checkpoint of CLIP or SigLIP and no judge, and nothing can be scored.");
        var rows = (await blobs.ReadCaptioned(dataset, ticket.Shard, cancellationToken)).Where(row => row.Status == RowStatus.Success).ToArray();
        var known = before?.ToDictionary(line => line.Row) ?? [];
        var embedded = new Dictionary<ClipScorer, Dictionary<int, float[]>>();
        foreach (var one in dataset.Scorers)
            embedded[one] = await ReadEmbeddings(EmbeddingsOf(one), before is not null, cancellationToken);
        var lines = new List<ScoreLine>(rows.Length);
        await _network.WaitAsync(cancellationToken); // one batch takes every core
        try
        {
            var concepts = dataset.Scorer is { } scorer ? Concepts(scorer, dataset.Settings.Concepts, cancellationToken) : [];
            foreach (var batch in Batches(rows))
                lines.AddRange(await Score(dataset, batch, known, embedded, concepts, cancellationToken));
        }
        finally
        {
            _network.Release();
        }

        foreach (var one in dataset.Scorers)
            await blobs.PutOrRepair(EmbeddingsOf(one), Bytes(rows, embedded[one]), cancellationToken);
        await blobs.WriteLines(names.Scores(ticket.Shard), lines, CurateJson.Readable.ScoreLine, cancellationToken);
        await clock.Record(timing, names.Timing("score", ticket.Shard), rows.Length, 0, cancellationToken);
        return new ItemCounts(lines.Count, 0, 0);

        string EmbeddingsOf(ClipScorer one) => names.Embeddings(ticket.Shard, one == dataset.Scorer ? null : one.Name);
    }

    public void Dispose()
    {
        _network.Dispose();
    }

    /// <summary>Batches of at most 32 images whose pixels take at most 256 MiB together; a larger image is a batch of its own.</summary>
    internal static IEnumerable<IndexRow[]> Batches(IEnumerable<IndexRow> rows)
    {
        var (batch, bytes) = (new List<IndexRow>(Batch), 0L);
        foreach (var row in rows)
        {
            var image = 3L * row.Width!.Value * row.Height!.Value;
            if (batch.Count == Batch || (batch.Count > 0 && bytes + image > MostBatchBytes))
            {
                yield return [.. batch];
                batch.Clear();
                bytes = 0;
            }

            batch.Add(row);
            bytes += image;
        }

        if (batch.Count > 0)
            yield return [.. batch];
    }

    private async Task<IEnumerable<ScoreLine>> Score(
        OpenDataset dataset,
        IndexRow[] batch,
        Dictionary<int, ScoreLine> known,
        Dictionary<ClipScorer, Dictionary<int, float[]>> embedded,
        IReadOnlyList<(string Name, float[][] Texts)> concepts,
        CancellationToken cancellationToken)
    {
        // 1. What was not read before: its vectors, and what each judge says of it.
        var missing = batch.Where(row => !known.ContainsKey(row.Row) || embedded.Values.Any(of => !of.ContainsKey(row.Row))).ToArray();
        var images = new JudgedImages(await Task.WhenAll(missing.Select(row => Task.Run(async () => ImageIngest.Decode(await blobs.ReadImage(dataset, row, cancellationToken)), cancellationToken))));
        var judged = Judged(dataset, images, cancellationToken);
        foreach (var (scorer, of) in embedded)
        {
            foreach (var (row, embedding) in missing.Zip(images.Embeddings(scorer, cancellationToken)))
                of[row.Row] = embedding;
        }

        var judges = missing.Select((row, i) => (row.Row, Scores: (IReadOnlyList<JudgeScore>?)judged?[i])).ToDictionary(one => one.Row, one => one.Scores);

        // 2. The texts that have no score yet.
        var texts = batch.Select(row => NewTexts(row, known)).ToArray();
        var scores = dataset.Scorers.Select(scorer => scorer.ScoreTexts([.. batch.Select(row => embedded[scorer][row.Row])], texts, cancellationToken)).ToArray();
        return batch.Select((row, i) => new ScoreLine(
            row.Row,
            scores.Length == 0 ? [] : [.. known.GetValueOrDefault(row.Row)?.Texts ?? [], .. texts[i].Select((text, t) => Of(text, [.. scores.Select(of => of[i][t])], dataset.OtherScorers))],
            [.. concepts.Select(concept => new ConceptScore(concept.Name, Rounded(concept.Texts.Max(text => 100.0 * System.Numerics.Tensors.TensorPrimitives.Dot<float>(text, embedded[dataset.Scorer!][row.Row])))))],
            judges.TryGetValue(row.Row, out var now) ? now : known[row.Row].Judges));
    }

    // Of each image, one score a judge; null without judges.
    private static JudgeScore[][]? Judged(OpenDataset dataset, JudgedImages images, CancellationToken cancellationToken)
    {
        if (dataset.Judges.Count == 0)
            return null;
        var all = dataset.Judges.Select(one => (one.Card.Label, Scores: one.Judge.Score(images, cancellationToken))).ToArray();
        return [.. Enumerable.Range(0, images.Images.Count).Select(i =>
            (JudgeScore[])[.. all.Select(judge => new JudgeScore(judge.Label, Finite(judge.Scores[i])))])];
    }

    // Of the scorer that is chosen by, and of those beside it.
    private static TextScore Of(string text, ClipTextScore[] scores, IReadOnlyList<ClipScorer> others)
    {
        var first = scores[0];
        return new TextScore(text, Rounded(first.Score), Rounded(first.WindowScore), first.Tokens, first.Truncated,
            others.Count == 0 ? null : [.. others.Zip(scores.Skip(1), (scorer, score) => new ScorerScore(scorer.Name, Finite(score.Score), Finite(score.WindowScore)))]);
    }

    private static double? Finite(double score) => double.IsFinite(score) ? Rounded(score) : null;

    private static double Rounded(double score) => Math.Round(score, Digits);

    private static string[] NewTexts(IndexRow row, Dictionary<int, ScoreLine> known)
    {
        var texts = row.Candidates.Where(candidate => candidate.IsUsable()).Select(candidate => candidate.Text!);
        return [.. known.TryGetValue(row.Row, out var line) ? texts.Except(line.Texts.Select(text => text.Text), StringComparer.Ordinal) : texts];
    }

    private static IReadOnlyList<(string Name, float[][] Texts)> Concepts(ClipScorer scorer, IReadOnlyList<Concept> concepts, CancellationToken cancellationToken) =>
        [.. concepts.Select(concept => (concept.Name, scorer.EmbedTexts(concept.Texts, cancellationToken)))];

    // Per image its row and its embedding, which is as long as all others.
    private async Task<Dictionary<int, float[]>> ReadEmbeddings(string name, bool isThere, CancellationToken cancellationToken)
    {
        var embedded = new Dictionary<int, float[]>();
        if (!isThere || await blobs.Read(name, cancellationToken) is not { Length: > sizeof(int) } bytes)
            return embedded;
        var width = BitConverter.ToInt32(bytes);
        var record = sizeof(int) + (width * sizeof(float));
        for (var at = sizeof(int); at + record <= bytes.Length; at += record)
            embedded[BitConverter.ToInt32(bytes, at)] = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(at + sizeof(int), width * sizeof(float))).ToArray();
        return embedded;
    }

    private static byte[] Bytes(IndexRow[] rows, Dictionary<int, float[]> embedded)
    {
        using var bytes = new MemoryStream();
        bytes.Write(BitConverter.GetBytes(rows.Length == 0 ? 0 : embedded[rows[0].Row].Length));
        foreach (var row in rows)
        {
            bytes.Write(BitConverter.GetBytes(row.Row));
            bytes.Write(MemoryMarshal.AsBytes(embedded[row.Row].AsSpan()));
        }

        return bytes.ToArray();
    }
}
