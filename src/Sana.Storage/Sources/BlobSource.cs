using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>Blobs below a prefix as their owners named them: capitals, blanks and all, which names of ours never have.</summary>
internal sealed class BlobSource(BlobContainerClient container, string prefix) : ISourceFiles
{
    // Walking a tar jumps from header to header; everything else is read from end to end.
    private const int TarBuffer = 128 * 1024;
    private const int FileBuffer = 4 * 1024 * 1024;

    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var options = new GetBlobsOptions { Prefix = prefix, Traits = BlobTraits.Metadata };
        await using var blobs = container.GetBlobsAsync(options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Next())
        {
            var name = blobs.Current.Name[prefix.Length..];
            // Accounts with a hierarchy list their folders as blobs of no length.
            if (IsListed(name) && blobs.Current.Metadata?.ContainsKey("hdi_isfolder") != true)
                yield return new SourceFile(name, blobs.Current.Properties.ContentLength ?? 0);
        }

        async Task<bool> Next()
        {
            try
            {
                return await blobs.MoveNextAsync();
            }
            catch (Exception error) when (AzureFault.IsFromService(error))
            {
                throw Fault("list", error);
            }
        }
    }

    public async Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        if (!IsName(name))
            return null;
        var isTar = name.EndsWith(".tar", StringComparison.OrdinalIgnoreCase);
        var options = new BlobOpenReadOptions(allowModifications: false) { BufferSize = isTar ? TarBuffer : FileBuffer };
        try
        {
            return new BlobReadStream(await container.GetBlobClient(prefix + name).OpenReadAsync(options, cancellationToken), error => Fault("read", error));
        }
        catch (RequestFailedException error) when (error.Status == 404 && error.ErrorCode != "ContainerNotFound")
        {
            return null;
        }
        catch (Exception error) when (AzureFault.IsFromService(error))
        {
            throw Fault("read", error);
        }
    }

    private SanaException Fault(string verb, Exception error)
    {
        var place = $"container {container.Uri.GetLeftPart(UriPartial.Path)}/{prefix}".TrimEnd('/');
        return new SanaException(AzureFault.Of(verb, container.Uri, place, error).Message, error);
    }

    // Hidden files are nobody's images; a folder source leaves them out too.
    private static bool IsListed(string name) => IsName(name) && !name.Split('/').Any(part => part.StartsWith('.'));

    // An address with dots between slashes is folded on its way and would lead to another blob.
    private static bool IsName(string name) => name.Length > 0 && !name.Split('/').Any(part => part is "" or "." or "..") && !name.Any(char.IsControl);
}
