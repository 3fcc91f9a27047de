using System.Runtime.CompilerServices;
using Sana.Curation.Ingest;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// The items of a manifest: one a row. What is wrong with the manifest as a whole is one item, so that it ends up where everything else does: in a row with a
/// reason.
/// </summary>
/// <param name="files">The place.</param>
/// <param name="options">Limits.</param>
/// <param name="tally">Counts what is met.</param>
/// <param name="areKeysFiles">Whether a field <c>key</c> names the image where nothing else does. In a folder such tables tell of images that stand
/// elsewhere.</param>
internal sealed class ManifestItems(ISourceFiles files, SourceOptions options, SourceTally tally, bool areKeysFiles = true)
{
    private readonly CaptionTextReader _texts = new(options.Fallback(), options.MaxCaptionLength);

    /// <summary>Whether a file is a manifest by its name.</summary>
    public static bool Reads(string path) => FileNames.Kind(path) == FileKind.Manifest || FileNames.Ending(path).Equals("txt",
        StringComparison.OrdinalIgnoreCase);

    /// <summary>Every row as an item.</summary>
    public IAsyncEnumerable<SourceItem> List(string path, CancellationToken cancellationToken)
    {
        tally.Read(Kind(path));
        return ListingFault.AsItem(path, Rows(path, cancellationToken).Select(row => row.Item), cancellationToken);
    }

    /// <summary>What a manifest is, in words.</summary>
    public static string Kind(string path) => FileNames.Last(path) is var name && FileNames.Stem(name) == "metadata" ? $"ImageFolder with {name}"
        : FileNames.TableEnding(path) switch
        {
            "parquet" => "Parquet table",
            "arrow" => "Arrow table of datasets",
            "txt" => $"list of addresses {name}",
            _ => $"table {name}",
        };

    /// <summary>Every row as an item, with the place of its image as the row has it. A fault of the manifest as a whole is the item named like it.</summary>
    public async IAsyncEnumerable<(SourceItem Item, string? Place)> Rows(string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = await files.Open(path, cancellationToken);
        if (stream is null)
        {
            yield return (new SourceItem { Name = path, Reason = Reasons.NotFound, Message = "The source has no such manifest." }, null);
            yield break;
        }

        var items = new RowItem(options, _texts, tally, files.Folder);
        await foreach (var row in Read(path, stream, cancellationToken))
        {
            if (!areKeysFiles && row.Reason is null && row.Cell is null && !row.Fields.Any(field => Columns.Of(field.Name).Column is Column.Path or Column.Url))
            {
                yield return (new SourceItem { Name = path, Reason = Reasons.MissingColumn, Message = "The table names no files." }, null);
                yield break;
            }

            var name = row.Number == 0 ? path : $"{path}#{row.Number}";
            yield return row.Reason is null ? items.Read(path, name, row) : (new SourceItem { Name = name, Reason = row.Reason, Message = row.Message }, null);
        }
    }

    private async IAsyncEnumerable<ManifestRow> Read(string path, Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
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
        var ending = FileNames.TableEnding(path);
        var fields = options.Fields();
        var rows = ending switch
        {
            "parquet" => new ParquetTable(stream, path).Rows(fields, tally, options.MaxRowBytes, cancellationToken),
            "arrow" => new ArrowTable(stream, path).Rows(fields, tally, options.MaxRowBytes, cancellationToken),
            "csv" or "tsv" => CsvRows.Read(stream, options, _texts, CsvRows.Separator(head.AsSpan((int)stream.Position), ending == "tsv"), cancellationToken),
            "txt" => ListRows.Read(stream, options, _texts, cancellationToken),
            _ => JsonlRows.Read(stream, options, _texts, fields, tally, cancellationToken),
        };
        await foreach (var row in rows)
            yield return row;
    }

    private static ManifestRow? Whole(ReadOnlySpan<byte> head)
    {
        if (head.Length == 0)
            return ManifestRow.Fault(0, Reasons.EmptyFile, "The manifest has no bytes.");
        if (GitLfs.IsPointer(head))
            return ManifestRow.Fault(0, Reasons.Unreadable, GitLfs.Message);
        if (head.StartsWith<byte>([0xFF, 0xFE]) || head.StartsWith<byte>([0xFE, 0xFF]) || head is [not 0, 0, not 0, 0, ..] or [0, not 0, 0, not 0, ..])
            return ManifestRow.Fault(0, Reasons.Unreadable, "The manifest is UTF-16; save it as UTF-8.");
        return head.StartsWith<byte>([0x1F, 0x8B]) || head.StartsWith<byte>([0x28, 0xB5, 0x2F, 0xFD])
            ? ManifestRow.Fault(0, Reasons.UnsupportedFormat, "The manifest is packed; unpack it, or name it .gz if it is gzip.")
            : null;
    }
}
