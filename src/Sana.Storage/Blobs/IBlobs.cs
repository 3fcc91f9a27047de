namespace Sana.Storage.Blobs;

/// <summary>
/// Where a job's outputs live: a folder or a container, with the same names and the same bytes in both. A blob is there whole or not at all, also when the
/// writer is killed. Content type follows from the name's ending.
/// </summary>
public interface IBlobs
{
    /// <summary>The place in words fit for a log: never a key, a token or a signature.</summary>
    string Place { get; }

    /// <summary>Bytes that the place has left; null where nobody can tell, as of a container.</summary>
    long? FreeBytes => null;

    /// <summary>Writes a blob unless one of that name exists.</summary>
    /// <param name="name">Path of at most 1,024 characters, such as <c>runs/a1/manifest.json</c>.</param>
    /// <param name="bytes">The whole content.</param>
    /// <param name="cancellationToken">Stops before the blob appears.</param>
    /// <returns>True when this call wrote it, false when it was there.</returns>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be written.</exception>
    Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Writes a blob over what may be there. For the repair of damaged blobs: outputs are written with <see cref="PutIfAbsent"/>.</summary>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be written.</exception>
    Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>The blob's content; null when there is none.</summary>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be read.</exception>
    Task<byte[]?> Read(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a blob too big for memory, over what may be there; it appears whole when <paramref name="write"/> has returned, and not at all when it throws.
    /// </summary>
    /// <param name="name">As for <see cref="PutIfAbsent"/>.</param>
    /// <param name="write">Writes the content, front to back.</param>
    /// <param name="cancellationToken">Stops before the blob appears.</param>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be written.</exception>
    Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>The blob's content as a seekable stream, read as it is asked for; null when there is none.</summary>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be read.</exception>
    Task<Stream?> Open(string name, CancellationToken cancellationToken);

    /// <summary>Whether the blob is there.</summary>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be read.</exception>
    Task<bool> Exists(string name, CancellationToken cancellationToken);

    /// <summary>Removes a blob; one that is not there is removed already.</summary>
    /// <exception cref="SanaException">The name is not allowed or the place cannot be written.</exception>
    Task Delete(string name, CancellationToken cancellationToken);

    /// <summary>Every blob whose name starts with <paramref name="prefix"/>, in ordinal order of the names.</summary>
    /// <exception cref="SanaException">The prefix is not the start of a name or the place cannot be read.</exception>
    IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken);
}

/// <summary>One line of a listing.</summary>
/// <param name="Name">The blob's full name.</param>
/// <param name="Length">Its size in bytes.</param>
/// <param name="Version">Another one whenever the blob was written again.</param>
/// <param name="Modified">When it was last written, UTC, by the clock of the place.</param>
public readonly record struct BlobEntry(string Name, long Length, string Version, DateTimeOffset Modified);

/// <summary>What is asked about one blob.</summary>
internal static class OneBlob
{
    /// <summary>The blob's size in bytes; null when there is none. It is asked for by its name: a listing would read every name that starts alike.</summary>
    public static async Task<long?> Length(this IBlobs blobs, string name, CancellationToken cancellationToken)
    {
        await using var content = await blobs.Open(name, cancellationToken);
        return content?.Length;
    }
}

/// <summary>How a step that may run twice writes its outputs.</summary>
internal static class BlobRepair
{
    /// <summary>
    /// Writes a blob whose bytes follow from its name. One that is there with the same bytes is left alone; other bytes are damage from outside, or the
    /// rounding of another machine under a record that was never written, and are replaced.
    /// </summary>
    public static async Task PutOrRepair(this IBlobs blobs, string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (await blobs.PutIfAbsent(name, bytes, cancellationToken))
            return;

        var there = await blobs.Read(name, cancellationToken);
        if (!bytes.Span.SequenceEqual(there))
            await blobs.Put(name, bytes, cancellationToken);
    }
}
