using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Sana.Curation.Sources.Manifests;
using Sana.Curation.Sources.Tars;
using Sana.Storage;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// The items of a source of any kind. Without a path everything in the place is listed: images with their sidecars, and the members of every <c>.tar</c>. A
/// path names one file: a <c>.tar</c>, a manifest (<c>.jsonl</c>, <c>.ndjson</c>, <c>.csv</c>, <c>.tsv</c>, <c>.parquet</c>) whose file names are relative to
/// its own folder, or one image.
/// </summary>
public sealed class SourceReader
{
    private readonly ISourceFiles _files;
    private readonly string? _path;
    private readonly SourceOptions _options;
    private readonly ItemReader _items;

    private SourceReader(ISourceFiles files, string? path, SourceOptions options, GuardedDownload? download)
    {
        (_files, _path, _options) = (files, path, options);
        _items = new ItemReader(files, download, options);
    }

    /// <summary>Opens a source; nothing is read yet.</summary>
    /// <param name="files">The place.</param>
    /// <param name="path">One file of it; null for all.</param>
    /// <param name="options">Limits.</param>
    /// <param name="download">Reads the URLs of a manifest; null when none may be read, and then such items are <c>download_failed</c>.</param>
    /// <exception cref="CurationException">An option is outside its range.</exception>
    public static SourceReader Open(ISourceFiles files, string? path, SourceOptions options, GuardedDownload? download)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        return new SourceReader(files, path, options, download);
    }

    /// <summary>Every item in an order that depends on the content of the source alone. Rows and members that cannot be used are items with a reason.</summary>
    /// <exception cref="SanaException">The source as a whole cannot be read.</exception>
    public IAsyncEnumerable<SourceItem> List(CancellationToken cancellationToken) => _path switch
    {
        null => new FolderItems(_files).List(cancellationToken),
        _ when ManifestItems.Reads(_path) => new ManifestItems(_files, _options).List(_path, cancellationToken),
        _ when FileNames.Kind(_path) == FileKind.Tar => new TarItems(_files).List(_path, cancellationToken),
        _ when FileNames.Kind(_path) == FileKind.PackedTar => Only(TarItems.Packed(_path)),
        _ => Only(new SourceItem { Name = _path, File = _path }),
    };

    /// <summary>Reads one item. What is wrong with it is a reason in the answer.</summary>
    /// <exception cref="SanaException">The place itself fails, so trying again later makes sense.</exception>
    public Task<FetchedItem> Fetch(SourceItem item, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        return _items.Read(item, cancellationToken);
    }

    private static async IAsyncEnumerable<SourceItem> Only(SourceItem item)
    {
        await Task.CompletedTask;
        yield return item;
    }
}

/// <summary>Reads an item's bytes, caption and licence, from a file, a part of one or a URL, within the limits.</summary>
internal sealed class ItemReader(ISourceFiles files, GuardedDownload? download, SourceOptions options)
{
    private readonly CaptionTextReader _captions = new(options.Fallback(), options.MaxCaptionLength);

    /// <exception cref="CurationException">The place itself fails.</exception>
    public async Task<FetchedItem> Read(SourceItem item, CancellationToken cancellationToken)
    {
        if (item.Reason is not null)
            return Rejected(item.Reason, item.Message);
        var (bytes, reason, message) = item.Url is not null ? await FromUrl(item.Url, cancellationToken) : await FromFile(item, cancellationToken);
        if (bytes is null)
            return Rejected(reason!, message);
        if (Broken(item, bytes) is { } broken)
            return Rejected(Reasons.HashMismatch, broken);
        return await WithCaption(item, bytes, cancellationToken);
    }

    private async Task<Downloaded> FromUrl(string url, CancellationToken cancellationToken)
    {
        if (download is null)
            return new Downloaded(null, Reasons.DownloadFailed, "The item is a URL, and this run reads none.");
        var answer = await download.Get(url, cancellationToken);
        return answer.Bytes?.Length > options.MaxFileBytes ? new Downloaded(null, Reasons.TooManyBytes, TooMany(answer.Bytes.Length)) : answer;
    }

    private async Task<Downloaded> FromFile(SourceItem item, CancellationToken cancellationToken)
    {
        if (item.Length > options.MaxFileBytes)
            return new Downloaded(null, Reasons.TooManyBytes, TooMany(item.Length.Value));
        try
        {
            await using var file = item.File is null ? null : await files.Open(item.File, cancellationToken);
            if (file is null)
                return new Downloaded(null, Reasons.NotFound, "The source has no such file.");
            // A member of a tar lies behind its header; what begins at 0 is the whole file, as long as it is now.
            var length = item.Offset > 0 ? item.Length!.Value : file.Length;
            if (length > options.MaxFileBytes)
                return new Downloaded(null, Reasons.TooManyBytes, TooMany(length));
            return await Range(file, item.Offset, length, cancellationToken) is { } bytes
                ? new Downloaded(bytes)
                : new Downloaded(null, Reasons.Truncated, $"The file ends before byte {item.Offset + length}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new Downloaded(null, Reasons.Unreadable, "The file cannot be read; check its rights and the disk.");
        }
    }

    private async Task<FetchedItem> WithCaption(SourceItem item, byte[] bytes, CancellationToken cancellationToken)
    {
        var notes = new List<string>(item.Notes ?? []);
        var (caption, encoding, licence) = (item.Caption, item.CaptionEncoding, item.Licence);
        // A text is the caption itself; an object is data of which one may be.
        foreach (var part in (item.Sidecars ?? []).OrderBy(part => FileNames.Kind(part.Name)))
        {
            if (await ReadSidecar(part, cancellationToken) is not { } sidecar)
            {
                Note(Reasons.BadSidecar);
                continue;
            }

            licence ??= sidecar.Licence;
            if (caption is not null)
                continue;
            (caption, encoding) = (sidecar.Caption.Text, sidecar.Caption.Text is null ? null : sidecar.Caption.Encoding);
            if (sidecar.Caption.Note is not null)
                Note(sidecar.Caption.Note);
        }

        return new FetchedItem { Bytes = bytes, Caption = caption, CaptionEncoding = encoding, Licence = licence, Notes = notes };

        void Note(string code)
        {
            if (!notes.Contains(code))
                notes.Add(code);
        }
    }

    private async Task<CaptionSidecar?> ReadSidecar(SourcePart part, CancellationToken cancellationToken)
    {
        if (part.Length > options.MaxSidecarBytes)
            return null;
        try
        {
            await using var file = await files.Open(part.File, cancellationToken);
            var length = file is null || part.Offset > 0 ? part.Length : file.Length;
            return file is not null && length <= options.MaxSidecarBytes && await Range(file, part.Offset, length, cancellationToken) is { } bytes
                ? CaptionSidecar.Read(part.Name, bytes, _captions)
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static async Task<byte[]?> Range(Stream file, long offset, long length, CancellationToken cancellationToken)
    {
        if (offset < 0 || length < 0 || offset > file.Length - length)
            return null;
        var bytes = new byte[length];
        file.Position = offset;
        return await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken) == bytes.Length ? bytes : null;
    }

    // MD5 is what some manifests promise; it finds damage, it keeps no secret.
#pragma warning disable CA5351
    private static string? Broken(SourceItem item, byte[] bytes) =>
        item.Sha256 is not null && Digest.Sha256(bytes) is var sha256 && sha256 != item.Sha256 ? $"The file has the SHA-256 {sha256}; {item.Sha256} was promised."
        : item.Md5 is not null && Convert.ToHexStringLower(MD5.HashData(bytes)) is var md5 && md5 != item.Md5 ? $"The file has the MD5 {md5}; {item.Md5} was promised."
        : null;
#pragma warning restore CA5351

    private string TooMany(long length) => $"The file has {length} bytes; the limit is {options.MaxFileBytes}.";

    private static FetchedItem Rejected(string reason, string? message) => new() { Reason = reason, Message = message };
}

/// <summary>Ends a listing with an item that has the reason where reading its file fails; the items before it stay.</summary>
internal static class ListingFault
{
    public static async IAsyncEnumerable<SourceItem> AsItem(
        string file, IAsyncEnumerable<SourceItem> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var each = items.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            SourceItem? fault = null;
            try
            {
                if (!await each.MoveNextAsync())
                    yield break;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                fault = new SourceItem { Name = file, Reason = Reasons.Unreadable, Message = "The file cannot be read to its end; check its rights and the disk." };
            }

            yield return fault ?? each.Current;
            if (fault is not null)
                yield break;
        }
    }
}
