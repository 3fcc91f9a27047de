using System.Security.Cryptography;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>Reads an item's bytes, caption and licence, from a file, a part of one or a URL, within the limits.</summary>
internal sealed class ItemReader(ISourceFiles files, IDownload? download, SourceOptions options)
{
    private readonly CaptionText _captions = new(options.Fallback(), options.MaxCaptionLength);

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
        return await WithWords(item, bytes, cancellationToken);
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

    private async Task<FetchedItem> WithWords(SourceItem item, byte[] bytes, CancellationToken cancellationToken)
    {
        var notes = new List<string>(item.Notes ?? []);
        var (caption, encoding, licence) = (item.Caption, item.CaptionEncoding, item.Licence);
        // A text is the caption itself; an object is data of which one may be.
        foreach (var part in (item.Sidecars ?? []).OrderBy(part => FileNames.Kind(part.Name)))
        {
            if (await Sidecar(part, cancellationToken) is not { } sidecar)
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

    private async Task<Sidecar?> Sidecar(SourcePart part, CancellationToken cancellationToken)
    {
        if (part.Length > options.MaxSidecarBytes)
            return null;
        try
        {
            await using var file = await files.Open(part.File, cancellationToken);
            var length = file is null || part.Offset > 0 ? part.Length : file.Length;
            return file is not null && length <= options.MaxSidecarBytes && await Range(file, part.Offset, length, cancellationToken) is { } bytes
                ? Sources.Sidecar.Read(part.Name, bytes, _captions)
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
        item.Sha256 is not null && Convert.ToHexStringLower(SHA256.HashData(bytes)) is var sha256 && sha256 != item.Sha256 ? $"The file has the SHA-256 {sha256}; {item.Sha256} was promised."
        : item.Md5 is not null && Convert.ToHexStringLower(MD5.HashData(bytes)) is var md5 && md5 != item.Md5 ? $"The file has the MD5 {md5}; {item.Md5} was promised."
        : null;
#pragma warning restore CA5351

    private string TooMany(long length) => $"The file has {length} bytes; the limit is {options.MaxFileBytes}.";

    private static FetchedItem Rejected(string reason, string? message) => new() { Reason = reason, Message = message };
}
