using System.Security.Cryptography;
using System.Text.Json;
using Sana.Storage.Blobs;

namespace Sana.Curation.Shards;

/// <summary>
/// Writes a shard from its final rows: tar, sidecars and scores as Sana's loader reads them, the index as parquet and lines, and last the stats. Every byte is
/// a function of rows, images and settings, so a shard may be written any number of times. Images pass through one by one and are not held.
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
    /// <param name="blobs">Where the files go.</param>
    /// <param name="prefix">Put before every name: empty, or a path that ends with a slash.</param>
    /// <param name="cancellationToken">Stops the run; what is not whole does not appear.</param>
    /// <returns>What was written, as the stats file states it.</returns>
    public async Task<ShardStats> Write(
        int shard,
        IReadOnlyList<IndexRow> rows,
        Func<IndexRow, CancellationToken, Task<byte[]>> image,
        IBlobs blobs,
        string prefix,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(blobs);
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

        // Sana's loader looks every key up in this one unguarded and drops an image that is not in it: all keys. No file where no sample has an original caption.
        if (_settings.Scorer is not null && samples.Any(row => Sample.Prompt(row).Label == Candidate.OriginalLabel))
        {
            await File(names.Scores(Candidate.OriginalLabel), samples.Length, (stream, token) =>
                Sidecar.Write(stream, Candidate.OriginalLabel, samples.Select(row => (row.Key, Sidecar.PromptScore(row))), token));
        }

        // 3. The index, with what is not in the tar.
        await File(names.Parquet, rows.Count, (stream, token) => IndexWriter.Write(stream, rows, IndexSchema.All(_settings), token));
        await File(names.Lines, rows.Count, (stream, token) => WriteLines(stream, rows, token));

        // 4. The stats: the shard is complete.
        var stats = ShardStats.Compute(shard, rows, files);
        await blobs.Write(prefix + names.Stats, async (stream, token) => await stream.WriteAsync(stats.Bytes(), token), cancellationToken);
        return stats;

        async Task File(string name, int count, Func<Stream, CancellationToken, Task> write)
        {
            ShardFile? file = null;
            await blobs.Write(prefix + name, async (stream, token) =>
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

/// <summary>
/// Passes bytes on and keeps their count and SHA-256, so that a file is hashed without being held or read again. Leaves the inner stream open.
/// </summary>
internal sealed class HashingStream(Stream inner) : Stream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;

    public string Sha256 => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        inner.Write(buffer);
        Count(buffer);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await inner.WriteAsync(buffer, cancellationToken);
        Count(buffer.Span);
    }

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _hash.Dispose();
        base.Dispose(disposing);
    }

    private void Count(ReadOnlySpan<byte> buffer)
    {
        _hash.AppendData(buffer);
        _length += buffer.Length;
    }
}

/// <summary>Opens the next few items while one is written. Memory is bounded by their number.</summary>
internal sealed class ReadAhead<T> : IAsyncDisposable
{
    private const int Ahead = 4;

    private readonly Queue<Task<byte[]>> _reads = new();
    private readonly IEnumerator<T> _items;
    private readonly Func<T, CancellationToken, Task<byte[]>> _read;
    private readonly CancellationTokenSource _stop;

    public ReadAhead(IEnumerable<T> items, Func<T, CancellationToken, Task<byte[]>> read, CancellationToken cancellationToken)
    {
        (_items, _read, _stop) = (items.GetEnumerator(), read, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
        for (var i = 0; i < Ahead; i++)
            Start();
    }

    public async Task<byte[]> Next()
    {
        var bytes = await _reads.Dequeue();
        Start();
        return bytes;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var read in _reads)
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _items.Dispose();
        _stop.Dispose();
    }

    private void Start()
    {
        if (_items.MoveNext())
            _reads.Enqueue(_read(_items.Current, _stop.Token));
    }
}
