using System.Text.Json;

namespace Sana.Curation.Shards;

/// <summary>
/// Writes a shard from its final rows: tar, sidecars and scores as Sana's loader reads them, the index as parquet and lines, and last the stats.
/// Every byte is a function of rows, images and settings, so a shard may be written any number of times. Images pass through one by one and are not held.
/// </summary>
public sealed class ShardWriter
{
    private readonly ShardSettings _settings;

    /// <summary>A writer for the shards of a dataset.</summary>
    /// <exception cref="CurationException">A setting is out of range.</exception>
    public ShardWriter(ShardSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings.Check();
    }

    /// <summary>Writes all files of a shard.</summary>
    /// <param name="shard">From 0.</param>
    /// <param name="rows">Every row of the shard in order, with captions, scores and selection final.</param>
    /// <param name="image">Gives the normalised file of a row that is in the shard. A few are asked for ahead.</param>
    /// <param name="output">Where the files go.</param>
    /// <param name="cancellationToken">Stops the run; what is not whole does not appear.</param>
    /// <returns>What was written, as the stats file states it.</returns>
    public async Task<ShardStats> Write(
        int shard,
        IReadOnlyList<IndexRow> rows,
        Func<IndexRow, CancellationToken, Task<byte[]>> image,
        IShardOutput output,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(output);
        var samples = rows.Where(row => row.Status == RowStatus.Success).ToArray();
        CheckSamples(samples);
        var names = new ShardNames(shard);
        var files = new List<ShardFile>();

        // 1. The tar.
        await File(names.Tar, samples.Length, (stream, token) => WriteTar(stream, samples, image, token));

        // 2. Captions and scores beside it.
        foreach (var label in _settings.Labels)
        {
            await File(names.Captions(label), samples.Length, (stream, token) =>
                Sidecar.Write(stream, label, samples.Select(row => (row.Key, Sidecar.Caption(row, label))), token));
            if (_settings.Scorer is not null)
            {
                await File(names.Scores(label), samples.Length, (stream, token) =>
                    Sidecar.Write(stream, label, samples.Select(row => (row.Key, Sidecar.Score(row, label))), token));
            }
        }

        // Sana's loader looks every key up in this one unguarded and drops an image that is not in it: all keys, or no file. No file also where no sample has an original caption.
        if (samples.Any(row => Sample.Prompt(row).Label == Candidate.OriginalLabel) && samples.All(row => Sidecar.PromptScore(row) is not null))
        {
            await File(names.Scores(Candidate.OriginalLabel), samples.Length, (stream, token) =>
                Sidecar.Write(stream, Candidate.OriginalLabel, samples.Select(row => (row.Key, Sidecar.PromptScore(row))), token));
        }

        // 3. The index, with what is not in the tar.
        await File(names.Parquet, rows.Count, (stream, token) => IndexWriter.Write(stream, rows, IndexSchema.All(_settings), token));
        await File(names.Lines, rows.Count, (stream, token) => WriteLines(stream, rows, token));

        // 4. The stats: the shard is complete.
        var stats = ShardStats.Of(shard, rows, files);
        await output.Write(names.Stats, async (stream, token) => await stream.WriteAsync(stats.Bytes(), token), cancellationToken);
        return stats;

        async Task File(string name, int count, Func<Stream, CancellationToken, Task> write)
        {
            ShardFile? file = null;
            await output.Write(name, async (stream, token) =>
            {
                await using var hashing = new HashingStream(stream);
                await write(hashing, token);
                await hashing.FlushAsync(token);
                file = new ShardFile(name, hashing.Sha256, hashing.Length, count);
            }, cancellationToken);
            files.Add(file!);
        }
    }

    private async Task WriteTar(Stream stream, IndexRow[] samples, Func<IndexRow, CancellationToken, Task<byte[]>> image, CancellationToken cancellationToken)
    {
        await using var tar = new SampleTar(stream, _settings.ImageExtension);
        await using var ahead = new ReadAhead<IndexRow>(samples, image, cancellationToken);
        foreach (var row in samples)
            await tar.Add(row, await ahead.Next(), cancellationToken);
    }

    private static async Task WriteLines(Stream stream, IReadOnlyList<IndexRow> rows, CancellationToken cancellationToken)
    {
        foreach (var row in rows)
        {
            await stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(row, CurationJson.Lines.IndexRow), cancellationToken);
            await stream.WriteAsync("\n"u8.ToArray(), cancellationToken);
        }
    }

    private static void CheckSamples(IndexRow[] samples)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in samples)
        {
            if (!SampleKey.IsValid(row.Key) || !keys.Add(row.Key))
                throw new ArgumentException($"Key '{row.Key}' of a sample is not valid or not unique.", nameof(samples));
            if (row is not { Width: > 0, Height: > 0, CaptionLabel: not null } || Sample.Chosen(row).Text is null)
                throw new ArgumentException($"Sample '{row.Key}' has no size or no chosen caption.", nameof(samples));
        }
    }
}
