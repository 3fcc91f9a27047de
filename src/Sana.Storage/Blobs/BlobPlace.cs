using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace Sana.Storage.Blobs;

/// <summary>
/// Where outputs go, as people write it: <c>folder</c> · <c>azurite[:container[/prefix]]</c> · a connection string, with <c>;Container=name[/prefix]</c> added
/// for another place than the container <c>sana</c> · <c>https://account.blob.core.windows.net/container[/prefix]</c>, signed in as whoever runs the program,
/// or with the query of a shared access signature · <c>s3://bucket[/prefix][?endpoint=URL&amp;region=NAME]</c> · <c>gs://bucket[/prefix]</c>.
/// </summary>
public sealed partial class BlobPlace
{
    /// <summary>The forms, for help texts and refusals.</summary>
    public const string Forms = "folder; azurite[:container[/prefix]]; storage connection string, with ;Container=name[/prefix]; https://account.blob.core.windows.net/container[/prefix]; "
        + "s3://bucket[/prefix][?endpoint=URL&region=name]; gs://bucket[/prefix]";

    private const string DefaultContainer = "sana";
    private const string Hub = "hf:";

    private readonly Func<string, CancellationToken, Task<IBlobs>> _open;
    private readonly string _prefix;

    private BlobPlace(Func<string, CancellationToken, Task<IBlobs>> open, string prefix) => (_open, _prefix) = (open, prefix);

    /// <summary>Reads a place; nothing is opened or contacted yet.</summary>
    /// <exception cref="SanaException">The text is none of the forms.</exception>
    public static BlobPlace Parse(string text)
    {
        if (string.IsNullOrWhiteSpace(text) || text.Contains('\0', StringComparison.Ordinal))
            throw new SanaException($"The output place is empty; give one of: {Forms}.");

        if (text == "azurite" || text.StartsWith("azurite:", StringComparison.Ordinal))
            return Connected("UseDevelopmentStorage=true", text == "azurite" ? DefaultContainer : text["azurite:".Length..]);

        if (BucketAddress.Is(text))
            return FromBucket(text);

        if (text.StartsWith(Hub, StringComparison.Ordinal))
            throw new SanaException($"'{text}' is a repository of the Hugging Face Hub, where nothing can be written step by step; sana push sends a finished dataset there. Give one of: {Forms}.");

        if (ConnectionStringWord().IsMatch(text))
            return FromConnectionString(text);

        return !IsFolder(text)
            ? FromAddress(text)
            : new BlobPlace((prefix, _) => Task.FromResult<IBlobs>(FileBlobs.Open(Path.Combine(text, prefix))), prefix: "");
    }

    /// <summary>Whether the text is the path of a folder of this machine, there or not.</summary>
    public static bool IsFolder(string text) => text != "azurite" && !text.StartsWith("azurite:", StringComparison.Ordinal) && !ConnectionStringWord().IsMatch(text)
        && !text.Contains("://", StringComparison.Ordinal) && !text.StartsWith(Hub, StringComparison.Ordinal);

    /// <summary>An address of a bucket or container without what stands after its <c>?</c>, and that with the <c>?</c>; of a folder its path and nothing.</summary>
    internal static (string Path, string Query) Parts(string text) => !IsFolder(text) && text.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? (text[..mark], text[mark..]) : (text, "");

    /// <summary>Opens the place and makes the folder or container if needed.</summary>
    /// <exception cref="SanaException">It cannot be made or reached.</exception>
    public Task<IBlobs> Open(CancellationToken cancellationToken) => _open(_prefix, cancellationToken);

    /// <summary>A folder of this place, whatever kind it is.</summary>
    /// <param name="folder">Its name or path, without a slash at its ends.</param>
    /// <exception cref="SanaException">No blob can have that name.</exception>
    public BlobPlace Below(string folder)
    {
        BlobName.Check(folder);
        return new BlobPlace(_open, $"{_prefix}{folder}/");
    }

    private static BlobPlace FromConnectionString(string text)
    {
        var container = DefaultContainer;
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = text };
            container = parts.TryGetValue("Container", out var name) ? (string)name : container;
        }
        catch (ArgumentException)
        {
            throw new SanaException("The connection string is not a list of Name=Value parts with semicolons between; copy it again from the storage account.");
        }

        var account = string.Join(';', text.Split(';').Where(part => !part.TrimStart().StartsWith("Container=", StringComparison.OrdinalIgnoreCase)));
        return Connected(account, container);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static BlobPlace Connected(string connectionString, string path)
    {
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        var (container, prefix) = slash < 0 ? (path, "") : (path[..slash], Prefix(path[(slash + 1)..]));
        CheckContainer(container);
        try
        {
            var client = new BlobContainerClient(connectionString, container);
            return Remote(new BlobContainerClient(connectionString, container, Options(client.Uri)), prefix);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException)
        {
            // The library's message may quote the key.
            throw new SanaException("The connection string has no usable account name and key; copy it again from the storage account.");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static BlobPlace FromAddress(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http") || address.UserInfo.Length > 0)
            throw new SanaException($"The output address is none of: {Forms}.");

        var parts = new BlobUriBuilder(address);
        CheckContainer(parts.BlobContainerName);
        var prefix = Prefix(parts.BlobName);
        parts.BlobName = "";
        if (parts.Sas is not null)
            return Remote(new BlobContainerClient(parts.ToUri(), Options(address)), prefix);

        if (address.Scheme == "http")
            throw new SanaException("An http address needs a shared access signature; use https, or azurite:<container> for the emulator.");

        return Remote(new BlobContainerClient(parts.ToUri(), new DefaultAzureCredential(), Options(address)), prefix);
    }

    private static BlobPlace Remote(BlobContainerClient client, string prefix) => new(
        async (path, cancellation) =>
        {
            var bucket = new AzureBucket(client);
            await bucket.Make(cancellation);
            return await BucketBlobs.Open(bucket, path, cancellation);
        },
        prefix);

    private static BlobPlace FromBucket(string text)
    {
        var address = BucketAddress.Parse(text);
        return new BlobPlace(async (path, cancellation) => await BucketBlobs.Open(Buckets.Of(text), path, cancellation), Prefix(address.Path));
    }

    private static string Prefix(string path)
    {
        if (path.TrimEnd('/') is not { Length: > 0 } name)
            return "";
        BlobName.Check(name);
        return name + '/';
    }

    // The protocol that released emulators speak, for both; nothing newer is used.
    // The emulator answers at once or is not running; a remote service may fail for a moment.
    internal static BlobClientOptions Options(Uri address) => new(BlobClientOptions.ServiceVersion.V2025_11_05)
    {
        Retry =
        {
            Mode = RetryMode.Exponential,
            MaxRetries = address.IsLoopback ? 2 : 6,
            Delay = TimeSpan.FromMilliseconds(address.IsLoopback ? 100 : 800),
            MaxDelay = TimeSpan.FromSeconds(20),
            NetworkTimeout = TimeSpan.FromSeconds(100),
        },
    };

    internal static void CheckContainer(string name)
    {
        if (!ContainerName().IsMatch(name))
            throw new SanaException($"'{name}' is not a container's name: 3…63 of a-z, 0-9 and single hyphens inside.");
    }

    [GeneratedRegex(@"^(?=.{3,63}\z)[a-z0-9]+(-[a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerName();

    [GeneratedRegex(@"(^|;)\s*(AccountName|AccountKey|BlobEndpoint|DefaultEndpointsProtocol|SharedAccessSignature|UseDevelopmentStorage)\s*=", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ConnectionStringWord();
}
