using Sana.Workflows.Blobs;

namespace Sana.Workflows.Curation;

/// <summary>A source as people write it: a folder of this machine, or a place of blobs without a key in its text.</summary>
internal static class SourcePlace
{
    private static readonly string[] _keys = ["AccountKey=", "SharedAccessSignature=", "sig="];

    /// <exception cref="WorkflowException">The text holds a key.</exception>
    public static void RefuseKeys(string text)
    {
        if (_keys.Any(key => text.Contains(key, StringComparison.OrdinalIgnoreCase)))
            throw new WorkflowException("The source holds a key, and a run's history keeps it; sign in and give the container's https address without one.");
    }

    /// <exception cref="WorkflowException">The place is not there.</exception>
    public static async Task<ISourceImages> Open(string text, CancellationToken cancellationToken)
    {
        var isRemote = text.Contains("://", StringComparison.Ordinal) || text == "azurite" || text.StartsWith("azurite:", StringComparison.Ordinal);
        return isRemote ? new BlobSource(await BlobPlace.Parse(text).Open(cancellationToken)) : FolderSource.Open(text);
    }

    private sealed class BlobSource(IBlobs blobs) : ISourceImages
    {
        public async IAsyncEnumerable<(string Name, long Bytes)> List([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (var blob in blobs.List("", cancellationToken))
                yield return (blob.Name, blob.Length);
        }

        public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => blobs.Read(name, cancellationToken);
    }
}
