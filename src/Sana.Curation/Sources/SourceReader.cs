using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Sana.Curation.Sources.Manifests;
using Sana.Curation.Sources.Tars;
using Sana.Storage;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// The items of a source of any kind. Without a path everything in the place is listed: images with their sidecars and what lists say of them, tables with
/// images, and the members of tars and zips. A
/// path names one file: a tar, a zip, a table or list (<c>.jsonl</c>, <c>.csv</c>, <c>.tsv</c>, <c>.parquet</c>, <c>.arrow</c>, <c>.txt</c>, <c>.json</c>)
/// whose file names are relative to
/// its own folder, or one image. What is unpacked for that is removed when the reader is disposed.
/// </summary>
public sealed class SourceReader : IDisposable
{
    private readonly PackedFiles _files;
    private readonly string? _path;
    private readonly SourceOptions _options;
    private readonly ItemReader _items;

    private SourceReader(ISourceFiles files, string? path, SourceOptions options, GuardedDownload? download)
    {
        (_files, _path, _options) = (new PackedFiles(files, options.MaxFileBytes), path, options);
        _items = new ItemReader(_files, download, options);
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
    public IAsyncEnumerable<SourceItem> List(CancellationToken cancellationToken) => List(new SourceTally(), cancellationToken);

    /// <summary>The same, and counts what the source is and what is passed over.</summary>
    /// <param name="tally">Counts; complete when the listing has ended.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="SanaException">The source as a whole cannot be read.</exception>
    public IAsyncEnumerable<SourceItem> List(SourceTally tally, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tally);
        return _path switch
        {
            null => new FolderItems(_files, _options, tally, null, _files).List(cancellationToken),
            _ when FileNames.Kind(_path) == FileKind.CaptionJson => new FolderItems(_files, _options, tally, _path, _files).List(cancellationToken),
            _ when ManifestItems.Reads(_path) => new ManifestItems(_files, _options, tally).List(_path, cancellationToken),
            _ when FileNames.Kind(_path) is FileKind.Tar or FileKind.GzipTar => new TarItems(_files, tally, _options.Fields()).List(_path, null,
                cancellationToken),
            _ when FileNames.Kind(_path) == FileKind.PackedTar => Only(TarItems.Packed(_path)),
            _ when FileNames.Kind(_path) == FileKind.Zip => FolderItems.ListZip(_files, _path, _options, tally, cancellationToken),
            _ => Only(new SourceItem { Name = _path, File = _path }, tally),
        };
    }

    /// <summary>Reads one item. What is wrong with it is a reason in the answer.</summary>
    /// <exception cref="SanaException">The place itself fails, so trying again later makes sense.</exception>
    public Task<FetchedItem> Fetch(SourceItem item, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        return _items.Read(item, cancellationToken);
    }

    /// <summary>Removes what was unpacked.</summary>
    public void Dispose()
    {
        _items.Dispose();
        _files.Dispose();
    }

    private static async IAsyncEnumerable<SourceItem> Only(SourceItem item, SourceTally? tally = null)
    {
        await Task.CompletedTask;
        tally?.Read("image");
        yield return item;
    }
}

/// <summary>Reads an item's bytes, captions and licence, from a cell of a table, a file, a part of one or a URL, within the limits.</summary>
internal sealed class ItemReader(ISourceFiles files, GuardedDownload? download, SourceOptions options) : IDisposable
{
    private const int MostCaptions = 64;

    private readonly CaptionTextReader _captions = new(options.Fallback(), options.MaxCaptionLength);
    private readonly CaptionFields _fields = options.Fields();
    private readonly TableCells _cells = new(files);

    public void Dispose() => _cells.Dispose();

    /// <exception cref="CurationException">The place itself fails.</exception>
    public async Task<FetchedItem> Read(SourceItem item, CancellationToken cancellationToken)
    {
        if (item.Reason is not null)
            return Rejected(item.Reason, item.Message);
        var (bytes, reason, message) = item.Cell is null ? new Downloaded(null) : await FromCell(item.Cell, cancellationToken);
        if (bytes is null && reason is null && item.File is not null)
            (bytes, reason, message) = await FromFile(item, cancellationToken);
        if (bytes is null && reason is null or Reasons.NotFound && item.Url is not null)
        {
            var isInstead = reason == Reasons.NotFound;
            (bytes, reason, message) = await FromUrl(item.Url, cancellationToken);
            if (isInstead && bytes is not null)
                item = item with { Notes = [.. item.Notes ?? [], "url_instead_of_file"] };
        }

        if (bytes is null)
            return Rejected(reason ?? Reasons.MissingImage, message ?? "The row has no image.");
        if (Broken(item, bytes) is { } broken)
            return Rejected(Reasons.HashMismatch, broken);
        return await WithCaptions(item, bytes, cancellationToken);
    }

    private async Task<Downloaded> FromCell(SourceCell cell, CancellationToken cancellationToken)
    {
        try
        {
            var (bytes, fault) = await _cells.Read(cell, cancellationToken);
            return fault is not null ? new Downloaded(null, Reasons.BadRow, fault)
                : bytes?.Length > options.MaxFileBytes ? new Downloaded(null, Reasons.TooManyBytes, TooMany(bytes.Length))
                : new Downloaded(bytes is { Length: > 0 } ? bytes : null);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new Downloaded(null, Reasons.Unreadable, error is UnpackException ? error.Message
                : "The table cannot be read; check its rights and the disk.");
        }
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
            return new Downloaded(null, Reasons.Unreadable, error is UnpackException ? error.Message
                : "The file cannot be read; check its rights and the disk.");
        }
    }

    private async Task<FetchedItem> WithCaptions(SourceItem item, byte[] bytes, CancellationToken cancellationToken)
    {
        var (notes, licence, found) = (new List<string>(item.Notes ?? []), item.Licence, new List<SourceCaption>());
        // Labels that a dataset of this program gave come last: its own json says which caption is the original.
        foreach (var caption in (item.Captions ?? []).Where(caption => !caption.IsLabel))
            Add(caption);
        // A text is the caption itself; an object is data of which one may be.
        foreach (var part in (item.Sidecars ?? []).OrderBy(part => FileNames.Kind(part.Name)).ThenBy(part => part.Field is null ? 0 : 1))
        {
            if (await ReadSidecar(part, cancellationToken) is not { } sidecar)
            {
                Note(Reasons.BadSidecar);
                continue;
            }

            licence ??= sidecar.Licence;
            foreach (var caption in sidecar.Captions)
                Add(caption);
            foreach (var note in sidecar.Notes)
                Note(note);
        }

        foreach (var caption in (item.Captions ?? []).Where(caption => caption.IsLabel))
            Add(caption);
        if (found.Count > MostCaptions)
        {
            found.RemoveRange(MostCaptions, found.Count - MostCaptions);
            Note("captions_left_out");
        }

        return new FetchedItem { Bytes = bytes, Captions = found, Licence = licence, Notes = notes };

        // The same words under a name that says more are the same caption.
        void Add(SourceCaption caption)
        {
            var at = found.FindIndex(other => other.Text == caption.Text);
            if (at < 0)
                found.Add(caption);
            else if (caption.IsLabel && !found[at].IsLabel)
                found[at] = caption;
        }

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
                ? CaptionSidecar.Read(part, bytes, _captions, _fields)
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
    /// <summary>The item that says so.</summary>
    public static SourceItem Of(string file, Exception error) =>
        new()
        {
            Name = file,
            Reason = Reasons.Unreadable,
            Message = error is UnpackException ? error.Message
            : "The file cannot be read to its end; check its rights and the disk."
        };

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
                fault = Of(file, error);
            }

            yield return fault ?? each.Current;
            if (fault is not null)
                yield break;
        }
    }
}
