using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// The items of a manifest: one a row. What is wrong with the manifest as a whole is one item, so that it ends up where everything else does: in a row with a
/// reason.
/// </summary>
internal sealed class ManifestItems(ISourceFiles files, SourceOptions options)
{
    private readonly CaptionTextReader _texts = new(options.Fallback(), options.MaxCaptionLength);

    /// <summary>Whether a file is a manifest by its name.</summary>
    public static bool Reads(string path) => FileNames.Ending(path).ToLowerInvariant() is "jsonl" or "ndjson" or "csv" or "tsv" or "parquet";

    public IAsyncEnumerable<SourceItem> List(string path, CancellationToken cancellationToken) => ListingFault.AsItem(path, Items(path, cancellationToken), cancellationToken);

    private async IAsyncEnumerable<SourceItem> Items(string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = await files.Open(path, cancellationToken);
        if (stream is null)
        {
            yield return new SourceItem { Name = path, Reason = Reasons.NotFound, Message = "The source has no such manifest." };
            yield break;
        }

        // Eight bytes of an id's hash: a chance of 3 in a million that two of ten million ids are taken for one.
        var ids = new HashSet<ulong>();
        await foreach (var row in Rows(path, stream, cancellationToken))
        {
            var name = row.Number == 0 ? path : $"{path}#{row.Number}";
            var item = row.Reason is null ? Item(path, name, row) : Rejected(name, row.Reason, row.Message!);
            if (item.Reason is null && row[Column.Id].Text is { Length: > 0 } id && !ids.Add(BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id)))))
                item = Rejected(name, Reasons.DuplicateId, $"A row before it has the id '{FileNames.Shown(id)}'.");
            yield return item;
        }
    }

    private async IAsyncEnumerable<ManifestRow> Rows(string path, Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var head = new byte[Math.Min(64 * 1024, stream.Length)];
        await stream.ReadExactlyAsync(head, cancellationToken);
        if (Whole(head) is { } fault)
        {
            yield return fault;
            yield break;
        }

        // A mark of UTF-8 is no part of the first name.
        stream.Position = head.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var ending = FileNames.Ending(path).ToLowerInvariant();
        var rows = ending switch
        {
            "parquet" => new ParquetRows(stream, options.MaxRowBytes).Read(cancellationToken),
            "csv" or "tsv" => CsvRows.Read(stream, options, _texts, CsvRows.Separator(head.AsSpan((int)stream.Position), ending == "tsv"), cancellationToken),
            _ => JsonlRows.Read(stream, options, _texts, cancellationToken),
        };
        await foreach (var row in rows)
            yield return row;
    }

    private static ManifestRow? Whole(ReadOnlySpan<byte> head)
    {
        if (head.Length == 0)
            return ManifestRow.Fault(0, Reasons.EmptyFile, "The manifest has no bytes.");
        if (head.StartsWith<byte>([0xFF, 0xFE]) || head.StartsWith<byte>([0xFE, 0xFF]) || head is [not 0, 0, not 0, 0, ..] or [0, not 0, 0, not 0, ..])
            return ManifestRow.Fault(0, Reasons.Unreadable, "The manifest is UTF-16; save it as UTF-8.");
        return head.StartsWith<byte>([0x1F, 0x8B]) || head.StartsWith<byte>([0x28, 0xB5, 0x2F, 0xFD])
            ? ManifestRow.Fault(0, Reasons.UnsupportedFormat, "The manifest is packed; unpack it.")
            : null;
    }

    private SourceItem Item(string manifest, string name, ManifestRow row)
    {
        foreach (var column in Enum.GetValues<Column>())
        {
            if (row[column].WrongType is { } wrong && column != Column.Hash)
                return Rejected(name, Reasons.WrongType, $"The column {column.ToString().ToLowerInvariant()} of the row is {wrong}; it takes text.");
        }

        var caption = row[Column.Caption].Bytes is { } bytes ? _texts.Read(bytes) : row[Column.Caption].Text is { } text ? _texts.Clean(text) : default;
        var (sha256, md5) = (Hash(row[Column.Sha256].Text, 64) ?? Hash(row[Column.Hash].Text, 64), Hash(row[Column.Md5].Text, 32));
        if (row[Column.Sha256].Text is { Length: > 0 } && sha256 is null)
            return Rejected(name, Reasons.BadRow, "The row's sha256 is not 64 hexadecimal digits.");
        var item = new SourceItem
        {
            Name = name,
            Caption = caption.Text,
            CaptionEncoding = caption.Text is null ? null : caption.Encoding,
            Notes = caption.Note is null ? null : [caption.Note],
            Sha256 = sha256,
            Md5 = sha256 is null ? md5 : null,
            Licence = CaptionSidecar.Short(row[Column.Licence].Text is { } licence ? _texts.Clean(licence).Text : null),
        };
        var place = new[] { Column.Path, Column.Url, Column.Key }.Select(column => (Column: column, row[column].Text)).FirstOrDefault(cell => !string.IsNullOrWhiteSpace(cell.Text));
        return place.Text is null ? Rejected(name, Reasons.MissingImage, "The row names no image.") : Placed(manifest, item, place.Column, place.Text.Trim());
    }

    private static SourceItem Placed(string manifest, SourceItem item, Column column, string place)
    {
        if (column == Column.Url || place.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || place.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            return item with { Url = place };
        if (place.Contains("://", StringComparison.Ordinal))
            return Rejected(item.Name, Reasons.UnsafeMember, "The row names a place that is neither http(s) nor in the source.");
        var (inside, fault) = MemberName.Check(place);
        return inside is null
            ? Rejected(item.Name, Reasons.UnsafeMember, $"The row's file cannot be used: {fault}.")
            : item with { File = FileNames.Folder(manifest) + inside };
    }

    private static string? Hash(string? text, int digits)
    {
        var hash = text?.Trim();
        hash = hash?.StartsWith("sha256:", StringComparison.OrdinalIgnoreCase) == true ? hash["sha256:".Length..] : hash;
        return hash?.Length == digits && hash.All(char.IsAsciiHexDigit) ? hash.ToLowerInvariant() : null;
    }

    private static SourceItem Rejected(string name, string reason, string message) => new() { Name = name, Reason = reason, Message = message };
}
