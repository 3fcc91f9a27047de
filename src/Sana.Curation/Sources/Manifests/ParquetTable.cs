using System.Runtime.CompilerServices;
using Parquet;
using Parquet.Data;
using Parquet.Meta;
using Parquet.Schema;
using Sana.Curation.Ingest;
using Sana.Storage;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// A table in Parquet, a row group at a time and only its columns that mean something. Values are read where the library unpacked them: one text of a
/// dictionary that a million rows refer to is held once. Texts are taken as bytes, so that one that is not UTF-8 is seen.
/// </summary>
internal sealed class ParquetTable(Stream stream, string file)
{
    /// <summary>Its rows. Images are not read with them: each row has the cell where its image lies.</summary>
    public async IAsyncEnumerable<ManifestRow> Rows(CaptionFields captions, SourceTally tally, int maxValue,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (open, fault) = await Open(cancellationToken);
        if (open is null)
        {
            yield return ManifestRow.Fault(0, Reasons.Unreadable, fault!);
            yield break;
        }

        await using var reader = open.Reader;
        var firsts = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var column in open.Columns.Where(column => column is { Type: TableType.Binary } && column.Path == column.Name
            && Columns.Of(column.Name).Column == Column.Path))
            firsts[column.Path] = await HasImages(open, column, cancellationToken);
        var layout = TableLayout.Of(open.Columns, captions, column => firsts.GetValueOrDefault(column.Path), tally);
        if (layout.Fault is { } unusable)
        {
            yield return ManifestRow.Fault(0, unusable.Reason, unusable.Message);
            yield break;
        }

        var number = 0L;
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            var rows = reader.Metadata!.RowGroups[group].NumRows;
            if (rows == 0)
                continue;
            var (columns, wrong) = await Group(open, group, layout, maxValue, cancellationToken);
            if (columns is null)
            {
                // Its rows cannot be told apart; one item stands for them.
                yield return ManifestRow.Fault(number + 1, Reasons.BadRow, $"Row group {group} of {Counted.Of(rows, "row")} cannot be read: {wrong}.");
                number += Math.Clamp(rows, 1, ParquetGuard.MaxRows);
                continue;
            }

            for (var row = 0; row < rows; row++)
            {
                yield return new ManifestRow(++number, [.. columns.Select(column => new RowField(column.Name, column.Values(row)))])
                {
                    Cell = layout.Image is { } image ? new SourceCell(file, image.Path, group, row) : null,
                };
            }
        }
    }

    /// <summary>The values of an image column in one row group, or what is wrong with it.</summary>
    public async Task<(IReadOnlyList<ReadOnlyMemory<byte>?>? Values, string? Fault)> Images(string path, int group, CancellationToken cancellationToken)
    {
        var (open, fault) = await Open(cancellationToken);
        if (open is null)
            return (null, fault);
        await using var reader = open.Reader;
        if (group < 0 || group >= reader.RowGroupCount || open.Columns.FirstOrDefault(column => column.Path == path) is not { } column)
            return (null, "The table has no such row group or column any more.");
        var (raw, wrong) = await Raw(open, group, column, ParquetGuard.MaxImages, cancellationToken);
        return raw is null ? (null, $"Row group {group} cannot be read: {wrong}.")
            : await Try(() => Task.FromResult(ParquetValues.Scalars(raw, open.Fields[column.Path], (int)reader.Metadata!.RowGroups[group].NumRows))) is { } values
                ? (values, null)
            : (null, $"Row group {group} cannot be read: its column '{FileNames.Shown(path)}' is damaged.");
    }

    private async Task<(OpenParquet? Open, string? Fault)> Open(CancellationToken cancellationToken)
    {
        if (await Guarded(() => ParquetGuard.Footer(stream, cancellationToken)) is { } fault)
            return (null, $"The manifest is no Parquet file: {fault}.");
        stream.Position = 0;
        if (await Try(() => ParquetReader.CreateAsync(stream, null, true, cancellationToken)) is not { Metadata: not null } reader)
            return (null, "The manifest is no Parquet file that can be read.");
        var texts = new HashSet<SchemaElement>(ReferenceEqualityComparer.Instance);
        foreach (var element in reader.Metadata.Schema ?? [])
        {
            if (element.Type != Parquet.Meta.Type.BYTE_ARRAY || !(element.ConvertedType is ConvertedType.UTF8 or ConvertedType.JSON or ConvertedType.ENUM
                || element.LogicalType is { STRING: not null } or { JSON: not null } or { ENUM: not null }))
                continue;
            texts.Add(element);
            (element.ConvertedType, element.LogicalType) = (null, null);
        }

        // The schema is put together when it is asked for.
        if (await Try(() => Task.FromResult(reader.Schema.GetDataFields())) is not { } leaves)
        {
            await reader.DisposeAsync();
            return (null, "The manifest's schema is damaged.");
        }

        if (await Try(() => Task.FromResult(Named(reader, leaves, texts))) is { } open)
            return (open, null);
        await reader.DisposeAsync();
        return (null, "The manifest's schema is damaged.");
    }

    private static OpenParquet Named(ParquetReader reader, DataField[] leaves, HashSet<SchemaElement> texts)
    {
        var fields = new Dictionary<string, DataField>(StringComparer.Ordinal);
        var columns = new List<TableColumn>();
        foreach (var leaf in leaves)
        {
            var parts = leaf.Path.ToList();
            var path = string.Join('.', parts);
            if (fields.TryAdd(path, leaf))
                columns.Add(new TableColumn(parts[0], path, parts.LastOrDefault(part => part is not ("list" or "element" or "item" or "array")) ?? parts[0],
                    TypeOf(leaf, texts)));
        }

        return new OpenParquet(reader, columns, fields);
    }

    private static TableType TypeOf(DataField leaf, HashSet<SchemaElement> texts)
    {
        var isText = leaf.SchemaElement is { } element && texts.Contains(element);
        if (leaf.MaxRepetitionLevel > 1 || (leaf.MaxRepetitionLevel == 1 && !isText))
            return TableType.Other;
        return leaf.MaxRepetitionLevel == 1 ? TableType.Texts
            : isText ? TableType.Text
            : leaf.ClrType == typeof(ReadOnlyMemory<byte>) && leaf.SchemaElement?.Type == Parquet.Meta.Type.BYTE_ARRAY ? TableType.Binary
            : leaf.ClrType == typeof(ReadOnlyMemory<char>) ? TableType.Text
            : leaf.ClrType == typeof(long) || leaf.ClrType == typeof(int) ? TableType.Number
            : TableType.Other;
    }

    private async Task<bool> HasImages(OpenParquet open, TableColumn column, CancellationToken cancellationToken)
    {
        for (var group = 0; group < open.Reader.RowGroupCount; group++)
        {
            if (open.Reader.Metadata!.RowGroups[group].NumRows == 0)
                continue;
            var (raw, _) = await Raw(open, group, column, ParquetGuard.MaxImages, cancellationToken);
            if (raw is null || await Try(() => Task.FromResult(ParquetValues.Scalars(raw, open.Fields[column.Path],
                (int)open.Reader.Metadata!.RowGroups[group].NumRows))) is not { } values)
                return false;
            if (values.FirstOrDefault(value => value is { Length: > 0 }) is { } first)
                return first.Length > 4096 || FileSignature.Read(first.Span, "").IsImage;
        }

        return false;
    }

    /// <summary>For each field a way to its values, or what is wrong with the group.</summary>
    private async Task<(List<(string Name, Func<int, FieldValue> Values)>? Columns, string? Wrong)> Group(
        OpenParquet open, int group, TableLayout layout, int maxValue, CancellationToken cancellationToken)
    {
        var rows = open.Reader.Metadata!.RowGroups[group].NumRows;
        if (rows is < 0 or > ParquetGuard.MaxRows)
            return (null, $"a group has 0…{ParquetGuard.MaxRows} rows");
        var columns = new List<(string, Func<int, FieldValue>)>();
        foreach (var (name, column) in layout.Fields)
        {
            if (column.Type == TableType.Other)
            {
                columns.Add((name, _ => new FieldValue(Other: "of another type")));
                continue;
            }

            var (raw, wrong) = await Raw(open, group, column, ParquetGuard.MaxColumn, cancellationToken);
            if (raw is null)
                return (null, wrong);
            if (await Try(() => Task.FromResult(ParquetValues.Values(raw, open.Fields[column.Path], column, (int)rows, maxValue)!)) is not { } values)
                return (null, $"its column '{FileNames.Shown(column.Path)}' is damaged");
            columns.Add((name, values));
        }

        return (columns, null);
    }

    private async Task<(RawColumnData? Raw, string? Wrong)> Raw(OpenParquet open, int group, TableColumn column, long mostBytes,
        CancellationToken cancellationToken)
    {
        var (field, rows) = (open.Fields[column.Path], open.Reader.Metadata!.RowGroups[group].NumRows);
        if (rows is < 0 or > ParquetGuard.MaxRows)
            return (null, $"a group has 0…{ParquetGuard.MaxRows} rows");
        using var reader = await Try(() => Task.FromResult(open.Reader.OpenRowGroupReader(group)));
        if (reader is null)
            return (null, "it is damaged");
        var pages = await Try(() => Task.FromResult(reader.GetMetadata(field)!));
        var wrong = pages?.MetaData is null ? "is missing" : await Guarded(() => ParquetGuard.Pages(stream, pages.MetaData, rows,
            field.MaxRepetitionLevel > 0, mostBytes, cancellationToken));
        if (wrong is not null)
            return (null, $"its column '{FileNames.Shown(column.Path)}' {wrong}");
        return await Try(() => reader.ReadRawColumnDataBaseAsync(field, cancellationToken).AsTask()) is { } raw ? (raw, null)
            : (null, $"its column '{FileNames.Shown(column.Path)}' is damaged");
    }

    private static async Task<string?> Guarded(Func<Task<string?>> check)
    {
        try
        {
            return await check();
        }
        catch (EndOfStreamException)
        {
            return "it ends early";
        }
    }

    // The library has no exception of its own for damage: whatever it throws over these bytes is their fault, but for what the place and the caller say.
    private static async Task<T?> Try<T>(Func<Task<T>> read)
        where T : class
    {
        try
        {
            return await read();
        }
        catch (Exception error) when (error is not (CurationException or OperationCanceledException))
        {
            return null;
        }
    }

    private sealed record OpenParquet(ParquetReader Reader, IReadOnlyList<TableColumn> Columns, Dictionary<string, DataField> Fields);
}
