using System.Globalization;
using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Selects captions again for a million rows: ten passes over ten shards of 10,000 rows, with an original and three captions of 80 words each.
/// </summary>
internal static class SelectBenchmark
{
    private const int Shards = 10;
    private const int RowsPerShard = 10_000;
    private const int Passes = 10;
    private static readonly string[] Words = ["a", "photo", "of", "two", "red", "boats", "near", "the", "old", "harbour", "with", "clouds", "and", "small", "houses", "behind"];

    private static readonly ShardSettings Settings = new()
    {
        Labels = ["InternVL2-26B", "VILA1-5-13B", "VILA1-5-3B"],
        Scorer = "openai-clip-vit-large-patch14",
        Selection = new SelectionOptions { Rule = SelectionRule.Softmax, Tau = 0.5, Seed = 1 },
        RunId = "benchmark/v1",
        PipelineVersion = "0",
    };

    public static void Run(int rounds)
    {
        using var folder = new TempFolder();
        var bytes = Enumerable.Range(0, Shards).Sum(shard => Write(folder.File($"{shard}.parquet"), shard));
        var (selector, reselection) = (new CaptionSelector(Settings.Selection), new Reselection(Settings));
        var output = FileBlobs.Open(folder.Path);
        Memory.ResetPeak();
        var race = Race.Run(rounds,
        [
            () => Each((_, index) => Count(index, row => row).GetAwaiter().GetResult()),
            () => Each((_, index) => Count(index, selector.Choose).GetAwaiter().GetResult()),
            () => Each((shard, index) => reselection.Run(shard, index, output, "", "selections/selected/", default).GetAwaiter().GetResult()),
        ]);

        Markdown.Text(string.Create(CultureInfo.InvariantCulture, $"{Shards * Passes * RowsPerShard:N0} rows, {bytes / 1e6 / Shards:0.0} MB of index a shard; one thread; peak memory {Memory.Peak / 1e6:0} MB."));
        Markdown.Table(["what", "seconds", "rows/s", "to reading alone"], new[] { "read candidates", "read and choose", "read, choose, write sidecars and table" }.Select((what, i) => (string[])
        [
            what,
            race.Seconds(i).ToString("0.0", CultureInfo.InvariantCulture),
            (Shards * Passes * RowsPerShard / race.Seconds(i)).ToString("N0", CultureInfo.InvariantCulture),
            race.Ratio(i, 0).ToString(),
        ]));

        void Each(Action<int, Stream> run)
        {
            for (var pass = 0; pass < Passes; pass++)
            {
                for (var shard = 0; shard < Shards; shard++)
                {
                    using var index = File.OpenRead(folder.File($"{shard}.parquet"));
                    run(shard, index);
                }
            }
        }
    }

    private static async Task<int> Count(Stream index, Func<IndexRow, IndexRow> choose)
    {
        var count = 0;
        await foreach (var row in IndexReader.Read(index, scorer: null, default))
            count += choose(row).Candidates.Count;
        return count;
    }

    private static long Write(string file, int shard)
    {
        using var stream = File.Create(file);
        var selector = new CaptionSelector(new SelectionOptions());
        IndexWriter.Write(stream, [.. Enumerable.Range(0, RowsPerShard).Select(row => selector.Choose(Row(shard, row)))], IndexSchema.All(Settings), default).GetAwaiter().GetResult();
        return stream.Length;
    }

    private static IndexRow Row(int shard, int row)
    {
        var random = new Random((shard * RowsPerShard) + row);
        var key = Convert.ToHexStringLower(Bytes(16));
        return new IndexRow
        {
            Key = key,
            Uid = key,
            Shard = shard,
            Row = row,
            SourceUri = $"photos/{shard}/{row}.jpg",
            Sha256 = key + Convert.ToHexStringLower(Bytes(16)),
            Phash = Convert.ToHexStringLower(Bytes(8)),
            Status = RowStatus.Success,
            Width = 1024,
            Height = 768,
            Candidates = [.. new[] { "prompt" }.Concat(Settings.Labels).Select(label => new Candidate
            {
                Label = label,
                Model = label,
                Text = string.Join(' ', Enumerable.Range(0, label == "prompt" ? 10 : 80).Select(_ => Words[random.Next(Words.Length)])),
                Score = 20 + (10 * random.NextDouble()),
                ClipTokens = 77,
            })],
        };

        byte[] Bytes(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }
    }
}
