using Sana.Storage.Blobs;

namespace Sana.Curation.Export;

/// <summary>
/// Where an export goes. A file appears whole or not at all, so one that is there with its length is finished and is not written again.
/// </summary>
internal sealed class ExportTarget(IBlobs blobs, ExportCounts counts)
{
    /// <summary>Writes a file of a known length, unless it is there.</summary>
    public async Task Put(string name, long length, Func<CancellationToken, Task<byte[]>> bytes, CancellationToken cancellationToken)
    {
        if (await blobs.Length(name, cancellationToken) == length)
        {
            counts.Kept++;
            return;
        }

        await blobs.Put(name, await bytes(cancellationToken), cancellationToken);
        counts.Written++;
    }

    /// <inheritdoc cref="Put(string, long, Func{CancellationToken, Task{byte[]}}, CancellationToken)"/>
    public Task Put(string name, byte[] bytes, CancellationToken cancellationToken) => Put(name, bytes.Length, _ => Task.FromResult(bytes), cancellationToken);

    /// <summary>Writes a file of a length that is not known before, unless it is there.</summary>
    public async Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        if (await blobs.Exists(name, cancellationToken))
            counts.Kept++;
        else
            await Replace(name, write, cancellationToken);
    }

    /// <summary>Writes a file that lists others, over the one that may be there.</summary>
    public async Task Replace(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        await blobs.Write(name, write, cancellationToken);
        counts.Written++;
    }
}
