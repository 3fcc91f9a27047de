using Azure.Identity;
using Azure.Storage.Blobs;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;

namespace Sana.Storage.Sources;

/// <summary>
/// A source as people write it: a folder or a file of this machine, <c>azurite:container[/prefix]</c>,
/// <c>https://account.blob.core.windows.net/container[/prefix]</c>, <c>s3://bucket[/prefix]</c>, <c>gs://bucket[/prefix]</c> or <c>hf:datasets/owner/name[@revision]</c>, without a key. A prefix may be
/// the whole name of one object.
/// </summary>
/// <param name="Files">The folder or bucket.</param>
/// <param name="Path">One file of it; null for all.</param>
internal sealed record SourcePlace(ISourceFiles Files, string? Path)
{
    private const string Forms = "folder or file of this machine; azurite:container[/prefix]; https://account.blob.core.windows.net/container[/prefix]; s3://bucket[/prefix][?endpoint=URL&region=name]; "
        + "gs://bucket[/prefix]; hf:datasets/owner/name[@revision]";

    private static readonly string[] _keys = ["AccountKey=", "SharedAccessSignature=", "sig="];

    /// <exception cref="SanaException">The text holds a key.</exception>
    public static void RefuseKeys(string text)
    {
        if (_keys.Any(key => text.Contains(key, StringComparison.OrdinalIgnoreCase)))
            throw new UnusableJobException("The source holds a key, and a run's history keeps it; sign in and give the container's https address without one.");
    }

    /// <exception cref="SanaException">The text names no place, or nothing is there.</exception>
    /// <exception cref="SanaException">The container does not answer.</exception>
    /// <param name="text">As it was written.</param>
    /// <param name="links">Which links of a folder are followed.</param>
    /// <param name="cancellationToken">Stops the look at a container.</param>
    public static async Task<SourcePlace> Open(string text, LinkRule links, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(text) || text.Contains('\0', StringComparison.Ordinal))
            throw new UnusableJobException($"The source is empty; give one of: {Forms}.");
        RefuseKeys(text);
        if (text.StartsWith("azurite", StringComparison.Ordinal) && (text.Length == "azurite".Length || text["azurite".Length] == ':'))
        {
            var path = text == "azurite" ? "sana" : text["azurite:".Length..];
            var slash = path.IndexOf('/', StringComparison.Ordinal);
            var (container, prefix) = slash < 0 ? (path, "") : (path[..slash], path[(slash + 1)..]);
            BlobPlace.CheckContainer(container);
            var emulator = new BlobContainerClient("UseDevelopmentStorage=true", container);
            return await Below(new AzureBucket(new BlobContainerClient("UseDevelopmentStorage=true", container, BlobPlace.Options(emulator.Uri))), prefix, cancellationToken);
        }

        if (HubSource.Is(text))
            return new SourcePlace(await HubSource.Open(text, HubSettings.FromEnvironment(), cancellationToken), null);

        if (BucketAddress.Is(text))
            return await Below(Buckets.Of(text), BucketAddress.Parse(text).Path, cancellationToken);

        return text.Contains("://", StringComparison.Ordinal) ? await FromAddress(text, cancellationToken) : FromFolder(text, links);
    }

    /// <summary>What a bucket holds below a prefix, or the one object of that name.</summary>
    internal static async Task<SourcePlace> Below(IBucket bucket, string prefix, CancellationToken cancellationToken)
    {
        var name = prefix.Trim('/');
        if (name.Length > 0 && !prefix.EndsWith('/'))
        {
            var cut = name.LastIndexOf('/') + 1;
            var folder = new BlobSource(bucket, name[..cut]);
            await using var one = await folder.Open(name[cut..], cancellationToken);
            if (one is not null)
                return new SourcePlace(folder, name[cut..]);
        }

        return new SourcePlace(new BlobSource(bucket, name.Length == 0 ? "" : name + '/'), null);
    }

    private static SourcePlace FromFolder(string text, LinkRule links)
    {
        var path = System.IO.Path.GetFullPath(text);
        if (Directory.Exists(path))
            return new SourcePlace(FolderSource.Open(path, links), null);
        if (LinuxFile.Look(path, follow: true) is not { Kind: PlaceKind.Plain })
            throw new UnusableJobException($"There is no source folder or plain file '{text}'; check the path.");
        return new SourcePlace(FolderSource.Open(System.IO.Path.GetDirectoryName(path)!, links), System.IO.Path.GetFileName(path));
    }

    private static Task<SourcePlace> FromAddress(string text, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme != "https" || address.UserInfo.Length > 0)
            throw new UnusableJobException($"The source address is none of: {Forms}.");
        var parts = new BlobUriBuilder(address);
        var prefix = parts.BlobName;
        BlobPlace.CheckContainer(parts.BlobContainerName);
        parts.BlobName = "";
        return Below(new AzureBucket(new BlobContainerClient(parts.ToUri(), new DefaultAzureCredential(), BlobPlace.Options(address))), prefix, cancellationToken);
    }
}
