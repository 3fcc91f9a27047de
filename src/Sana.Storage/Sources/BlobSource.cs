using System.Runtime.CompilerServices;
using Sana.Storage.Blobs;

namespace Sana.Storage.Sources;

/// <summary>Objects below a prefix of a bucket as their owners named them: capitals, blanks and all, which names of ours never have.</summary>
internal sealed class BlobSource(IBucket bucket, string prefix) : ISourceFiles
{
    // Walking a tar jumps from header to header; everything else is read from end to end.
    private const int TarBuffer = 128 * 1024;
    private const int FileBuffer = 4 * 1024 * 1024;

    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in bucket.List(prefix, cancellationToken))
        {
            var name = blob.Name[prefix.Length..];
            if (name.Length > 0)
                yield return new SourceFile(name, blob.Length, LeftOut(name), blob.Modified);
        }
    }

    public Task<Stream?> Open(string name, CancellationToken cancellationToken)
    {
        if (!IsName(name))
            return Task.FromResult<Stream?>(null);
        var isTar = name.EndsWith(".tar", StringComparison.OrdinalIgnoreCase);
        return bucket.Open(prefix + name, isTar ? TarBuffer : FileBuffer, cancellationToken);
    }

    // Hidden files are left out, as a folder source does.
    private static string? LeftOut(string name) => !IsName(name) ? "name that is no path" : name.Split('/').Any(part => part.StartsWith('.'))
        ? SourceFile.Hidden : null;

    // An address with dots between slashes is folded on its way and would lead to another object.
    private static bool IsName(string name) => name.Length > 0 && !name.Split('/').Any(part => part is "" or "." or "..") && !name.Any(char.IsControl);
}
