using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Sana.Jobs.Durable;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Requests;

/// <summary>A file of OpenAI's files endpoint, beside its content.</summary>
/// <param name="Id"><c>file-</c> and 32 digits; ids sort by the time of creation.</param>
/// <param name="Bytes">Of its content as it is stored.</param>
/// <param name="CreatedAt">UTC.</param>
/// <param name="Filename">As it was given, for people.</param>
/// <param name="Purpose"><c>batch</c>, <c>batch_output</c> or <c>vision</c>.</param>
public sealed record StoredFile(string Id, long Bytes, DateTime CreatedAt, string Filename, string Purpose)
{
    /// <summary>What a batch is made from.</summary>
    public const string Batch = "batch";

    /// <summary>A picture that lines of a batch name.</summary>
    public const string Vision = "vision";

    /// <summary>What a batch has written.</summary>
    public const string BatchOutput = "batch_output";

    /// <value>When it is gone, UTC; null for never. Default null.</value>
    public DateTime? ExpiresAt { get; init; }

    /// <value>Id of the batch that wrote it. Default none.</value>
    public string? OfBatch { get; init; }
}

/// <summary>The files of OpenAI's files endpoint, under <c>files/</c>: a content, and a description that is written after it and makes it one.</summary>
/// <param name="blobs">Where they are.</param>
/// <param name="clock">Says what has expired.</param>
public sealed class StoredFiles(IBlobs blobs, TimeProvider clock)
{
    internal const string Folder = "files/";

    private const string Prefix = "file-";
    private const string Description = ".json";
    private const int IdLength = 37;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>An id that sorts by time; the same for the same time and seed.</summary>
    /// <param name="at">When the file is created.</param>
    /// <param name="seed">What the file is, such as a new GUID.</param>
    public static string NewId(DateTimeOffset at, string seed) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{at.ToUnixTimeMilliseconds():x12}{Digest.Sha256(seed)[..20]}");

    /// <summary>Writes the content of a file that is not there before it is described.</summary>
    /// <param name="id">From <see cref="NewId"/>.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="cancellationToken">Stops before the content is there.</param>
    public Task WriteContent(string id, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => blobs.Write(Content(id), write, cancellationToken);

    /// <summary>Makes a content a file; its bytes are counted.</summary>
    public async Task<StoredFile> Describe(StoredFile file, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        var described = file with { Bytes = await blobs.Length(Content(file.Id), cancellationToken) ?? throw new SanaException($"{Content(file.Id)} was removed while it was written.") };
        await blobs.Put(Named(file.Id), JsonSerializer.SerializeToUtf8Bytes(described, WorkflowJson.Options), cancellationToken);
        return described;
    }

    /// <summary>A file that is there and has not expired; null for none.</summary>
    public async Task<StoredFile?> Find(string id, CancellationToken cancellationToken) =>
        IsId(id) && await blobs.Read(Named(id), cancellationToken) is { } json && Read(json) is var file && !HasExpired(file) ? file : null;

    /// <summary>The content of a file that <see cref="Find"/> found; null when it was deleted meanwhile.</summary>
    public Task<Stream?> Open(StoredFile file, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        return blobs.Open(Content(file.Id), cancellationToken);
    }

    /// <summary>Every file that has not expired, the newest first or last.</summary>
    public async IAsyncEnumerable<StoredFile> List(bool isNewestFirst, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var ids = new List<string>();
        await foreach (var blob in blobs.List(Folder, cancellationToken))
        {
            if (blob.Name.EndsWith(Description, StringComparison.Ordinal) && blob.Name[Folder.Length..^Description.Length] is var id && IsId(id))
                ids.Add(id);
        }

        if (isNewestFirst)
            ids.Reverse();
        foreach (var id in ids)
        {
            if (await Find(id, cancellationToken) is { } file)
                yield return file;
        }
    }

    /// <summary>Removes a file.</summary>
    public async Task Delete(string id, CancellationToken cancellationToken)
    {
        await blobs.Delete(Named(id), cancellationToken);
        await blobs.Delete(Content(id), cancellationToken);
    }

    /// <summary>Removes files that have expired, and contents older than <paramref name="before"/> whose upload never ended.</summary>
    /// <returns>How many blobs were removed, and the batches whose files are still there.</returns>
    public async Task<(int Removed, IReadOnlySet<string> Batches)> Purge(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var (removed, batches, described) = (0, new HashSet<string>(StringComparer.Ordinal), "");
        // A description comes before its content: .json sorts before .jsonl.
        await foreach (var blob in blobs.List(Folder, cancellationToken))
        {
            var id = Path.GetFileNameWithoutExtension(blob.Name);
            if (!blob.Name.EndsWith(Description, StringComparison.Ordinal))
            {
                if (id == described || blob.Modified >= before)
                    continue;
                await blobs.Delete(blob.Name, cancellationToken);
                removed++;
                continue;
            }

            described = id;
            if (await blobs.Read(blob.Name, cancellationToken) is not { } json)
                continue;
            var file = Read(json);
            if (HasExpired(file))
            {
                await Delete(id, cancellationToken);
                removed += 2;
            }
            else if (file.OfBatch is { } batch)
            {
                batches.Add(batch);
            }
        }

        return (removed, batches);
    }

    private bool HasExpired(StoredFile file) => file.ExpiresAt <= clock.GetUtcNow().UtcDateTime;

    private static StoredFile Read(byte[] json) => JsonSerializer.Deserialize<StoredFile>(json, WorkflowJson.Options)!;

    private static bool IsId(string id) => id.Length == IdLength && id.StartsWith(Prefix, StringComparison.Ordinal) && !id.AsSpan(Prefix.Length).ContainsAnyExcept(Digits);

    private static string Named(string id) => $"{Folder}{id}{Description}";

    private static string Content(string id) => $"{Folder}{id}.jsonl";
}
