using System.Text.Json.Serialization;

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

    /// <value>The cell of a table that holds its bytes; where it is null or empty, <see cref="File"/> and <see cref="Url"/> count.</value>
    public SourceCell? Cell { get; init; }

    /// <value>The file that holds its bytes; null when a cell or a URL does, or when nothing does.</value>
    public string? File { get; init; }

    /// <value>Where in <see cref="File"/> they begin. Default 0.</value>
    public long Offset { get; init; }

    /// <value>How many there are; null when only a download tells.</value>
    public long? Length { get; init; }

    /// <value>http(s) address of the image, which is read when no file is named or the file is absent.</value>
    public string? Url { get; init; }

    /// <value>Names of its sidecars (<c>.txt</c>, <c>.json</c>), each a file or a part of one.</value>
    public IReadOnlyList<SourcePart>? Sidecars { get; init; }

    /// <value>The captions that a manifest's row gives, the best first; null for none.</value>
    public IReadOnlyList<SourceCaption>? Captions { get; init; }

    /// <value>The first of these.</value>
    [JsonIgnore]
    public string? Caption => Captions is { Count: > 0 } ? Captions[0].Text : null;

    /// <value>The hash that a manifest's row promises, lower-case hexadecimal.</value>
    public string? Sha256 { get; init; }

    /// <value>The MD5 that a manifest's row promises when it promises no SHA-256.</value>
    public string? Md5 { get; init; }

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
/// <param name="Field">What the name says of its caption, such as <c>blip</c> of <c>a.blip.txt</c>; null for nothing.</param>
public sealed record SourcePart(string Name, string File, long Offset, long Length, string? Field = null);

/// <summary>One value of a table whose columns hold images.</summary>
/// <param name="File">The table.</param>
/// <param name="Column">The column that holds the bytes, with dots between the parts of its path.</param>
/// <param name="Group">The row group or record batch, from 0.</param>
/// <param name="Row">The row in it, from 0.</param>
public sealed record SourceCell(string File, string Column, int Group, int Row);

/// <summary>What reading an item gave: bytes, or a reason.</summary>
public sealed record FetchedItem
{
    /// <value>The image file's bytes; null when there is a reason.</value>
    public byte[]? Bytes { get; init; }

    /// <value>The captions that came with it, the best first: NFC, controls and bidi marks stripped, each text once.</value>
    public IReadOnlyList<SourceCaption> Captions { get; init; } = [];

    /// <value>The first of these; null when there is none.</value>
    public string? Caption => Captions.Count > 0 ? Captions[0].Text : null;

    /// <value>The encoding that the first caption was read in when it was not UTF-8: <c>utf-16</c>, <c>windows-1252</c>.</value>
    public string? CaptionEncoding => Captions.Count > 0 ? Captions[0].Encoding : null;

    /// <value>Licence, as manifest or sidecar say.</value>
    public string? Licence { get; init; }

    /// <value>Why the item is rejected; null for one to ingest. A bad sidecar is no reason to lose an image: it stands in <see cref="Notes"/>.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }

    /// <value>Codes of what was mended or ignored: <c>bad_sidecar</c>, <c>caption_encoding</c>.</value>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
