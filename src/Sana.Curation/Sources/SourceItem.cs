namespace Sana.Curation.Sources;

/// <summary>
/// One item of a source as its listing gives it: where its bytes are, and what the source itself says of it. One line of a shard's item list.
/// </summary>
public sealed record SourceItem
{
    /// <value>
    /// Its name in the source, unique there: the file, <c>tar!member</c>, or <c>manifest#row</c>. This is the row's <c>source_uri</c> unless <see cref="Url"/>
    /// is set.
    /// </value>
    public required string Name { get; init; }

    /// <value>The file that holds its bytes; null when a URL does, or when nothing does.</value>
    public string? File { get; init; }

    /// <value>Where in <see cref="File"/> they begin. Default 0.</value>
    public long Offset { get; init; }

    /// <value>How many there are; null when only a download tells.</value>
    public long? Length { get; init; }

    /// <value>http(s) address of the image.</value>
    public string? Url { get; init; }

    /// <value>Names of its sidecars (<c>.txt</c>, <c>.json</c>), each a file or a part of one.</value>
    public IReadOnlyList<SourcePart>? Sidecars { get; init; }

    /// <value>The caption that a manifest's row gives.</value>
    public string? Caption { get; init; }

    /// <value>The hash that a manifest's row promises, lower-case hexadecimal.</value>
    public string? Sha256 { get; init; }

    /// <value>The MD5 that a manifest's row promises when it promises no SHA-256.</value>
    public string? Md5 { get; init; }

    /// <value>The encoding that a manifest's caption was read in when it was not UTF-8.</value>
    public string? CaptionEncoding { get; init; }

    /// <value>What a manifest's row says of the licence.</value>
    public string? Licence { get; init; }

    /// <value>Codes of what the listing mended or ignored: <c>caption_encoding</c>, <c>caption_length</c>; null when there is nothing to say.</value>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <value>Why the item is rejected before anything is read; null for one worth reading.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }
}

/// <summary>A run of bytes in a file of the source.</summary>
/// <param name="Name">What it is called, for its ending: <c>a.txt</c>.</param>
/// <param name="File">The file.</param>
/// <param name="Offset">Where it begins.</param>
/// <param name="Length">How long it is.</param>
public sealed record SourcePart(string Name, string File, long Offset, long Length);

/// <summary>What reading an item gave: bytes, or a reason.</summary>
public sealed record FetchedItem
{
    /// <value>The image file's bytes; null when there is a reason.</value>
    public byte[]? Bytes { get; init; }

    /// <value>The original caption, NFC, controls and bidi marks stripped; null when there is none.</value>
    public string? Caption { get; init; }

    /// <value>The encoding that the caption was read in when it was not UTF-8: <c>utf-16</c>, <c>windows-1252</c>.</value>
    public string? CaptionEncoding { get; init; }

    /// <value>Licence, as manifest or sidecar say.</value>
    public string? Licence { get; init; }

    /// <value>Why the item is rejected; null for one to ingest. A bad sidecar is no reason to lose an image: it stands in <see cref="Notes"/>.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }

    /// <value>Codes of what was mended or ignored: <c>bad_sidecar</c>, <c>caption_encoding</c>.</value>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
