namespace Sana.Storage.Blobs;

/// <summary>How a step that may run twice writes its outputs.</summary>
internal static class BlobRepair
{
    /// <summary>
    /// Writes a blob whose bytes follow from its name. One that is there with the same bytes is left alone; other bytes are damage from outside,
    /// or the rounding of another machine under a record that was never written, and are replaced.
    /// </summary>
    public static async Task PutOrRepair(this IBlobs blobs, string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (await blobs.PutIfAbsent(name, bytes, cancellationToken))
        {
            return;
        }

        var there = await blobs.Read(name, cancellationToken);
        if (!bytes.Span.SequenceEqual(there))
        {
            await blobs.Put(name, bytes, cancellationToken);
        }
    }
}
