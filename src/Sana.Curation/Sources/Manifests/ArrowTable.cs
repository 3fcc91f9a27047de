using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Sana.Curation.Ingest;

namespace Sana.Curation.Sources.Manifests;

/// <summary>A table as <c>datasets</c> saves it to disk: an Arrow IPC stream, or the file format around one, a record batch at a time.</summary>
internal sealed class ArrowTable(Stream stream, string file)
{
    /// <summary>Its rows. Images are not kept with them: each row has the cell where its image lies.</summary>
    public async IAsyncEnumerable<ManifestRow> Rows(CaptionFields captions, SourceTally tally, int maxValue,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (layout, columns, fault) = await Open(cancellationToken);
        if (layout is null)
        {
            yield return ManifestRow.Fault(0, Reasons.Unreadable, $"The table is no Arrow stream that can be read: {fault}.");
            yield break;
        }

        TableLayout? table = null;
        var number = 0L;
        for (var group = 0; group < layout.Batches.Count; group++)
        {
            using var batch = await Batch(layout, group, cancellationToken);
            table ??= TableLayout.Of(columns, captions, column => batch is not null && HasImages(batch, column), tally);
            if (table.Fault is { } unusable)
            {
                yield return ManifestRow.Fault(0, unusable.Reason, unusable.Message);
                yield break;
            }

            if (batch is null || Try(() => table.Fields.Select(field => (field.Name, Values: Enumerable.Range(0, batch.Length)
                .Select(Value(batch, field.Column, maxValue)).ToArray())).ToArray()) is not { } values)
            {
                yield return ManifestRow.Fault(++number, Reasons.BadRow, $"Record batch {group} cannot be read: it is damaged.");
                continue;
            }

            for (var row = 0; row < batch.Length; row++)
            {
                yield return new ManifestRow(++number, [.. values.Select(column => new RowField(column.Name, column.Values[row]))])
                {
                    Cell = table.Image is { } image ? new SourceCell(file, image.Path, group, row) : null,
                };
            }
        }

        if (layout.Batches.Count == 0 && TableLayout.Of(columns, captions, _ => true, tally).Fault is { } empty)
            yield return ManifestRow.Fault(0, empty.Reason, empty.Message);
    }

    /// <summary>The values of an image column in one record batch, or what is wrong with it.</summary>
    public async Task<(IReadOnlyList<ReadOnlyMemory<byte>?>? Values, string? Fault)> Images(string path, int group, CancellationToken cancellationToken)
    {
        var (layout, columns, fault) = await Open(cancellationToken);
        if (layout is null)
            return (null, $"The table is no Arrow stream that can be read: {fault}.");
        if (group < 0 || group >= layout.Batches.Count || columns.FirstOrDefault(column => column.Path == path) is not { } column)
            return (null, "The table has no such record batch or column any more.");
        var batch = await Batch(layout, group, cancellationToken);
        if (batch is null || Try(() => Enumerable.Range(0, batch.Length).Select(row => Bytes(batch, column, row) is { } value ? (ReadOnlyMemory<byte>?)value
            : null).ToArray()) is not { } values)
            return (null, $"Record batch {group} cannot be read: it is damaged.");
        return (values, null);
    }

    private async Task<(ArrowLayout? Layout, IReadOnlyList<TableColumn> Columns, string? Fault)> Open(CancellationToken cancellationToken)
    {
        try
        {
            var (layout, fault) = await ArrowMessages.Find(stream, cancellationToken);
            if (layout is null)
                return (null, [], fault);
            await using var schema = await layout.Stream(stream, null, cancellationToken);
            using var reader = new ArrowStreamReader(schema);
            return (layout, [.. (await reader.GetSchema(cancellationToken)).FieldsList.SelectMany(field => Leaves(field.Name, field.Name, field.DataType,
                isList: false))], null);
        }
        catch (Exception error) when (error is not (CurationException or OperationCanceledException or IOException))
        {
            // The library has no exception of its own for damage.
            return (null, [], "its schema is damaged");
        }
        catch (EndOfStreamException)
        {
            return (null, [], "it ends early");
        }
    }

    private async Task<RecordBatch?> Batch(ArrowLayout layout, int group, CancellationToken cancellationToken)
    {
        try
        {
            await using var bytes = await layout.Stream(stream, group, cancellationToken);
            using var reader = new ArrowStreamReader(bytes);
            return await reader.ReadNextRecordBatchAsync(cancellationToken);
        }
        catch (Exception error) when (error is not (CurationException or OperationCanceledException) and (not IOException or EndOfStreamException))
        {
            return null;
        }
    }

    private static IEnumerable<TableColumn> Leaves(string top, string path, IArrowType type, bool isList)
    {
        switch (type)
        {
            case StructType structure:
                return structure.Fields.SelectMany(field => Leaves(top, $"{path}.{field.Name}", field.DataType, isList));
            case ListType { ValueDataType: StringType or LargeStringType or StringViewType } or LargeListType { ValueDataType: StringType or LargeStringType or StringViewType } when !isList:
                return [new TableColumn(top, path, Leaf(path), TableType.Texts)];
            default:
                return [new TableColumn(top, path, Leaf(path), isList ? TableType.Other : type switch
                {
                    StringType or LargeStringType or StringViewType => TableType.Text,
                    BinaryType or LargeBinaryType or BinaryViewType => TableType.Binary,
                    Int8Type or Int16Type or Int32Type or Int64Type or UInt8Type or UInt16Type or UInt32Type => TableType.Number,
                    _ => TableType.Other,
                })];
        }
    }

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..];

    private static bool HasImages(RecordBatch batch, TableColumn column) => Try(() =>
    {
        for (var row = 0; row < batch.Length; row++)
        {
            if (Bytes(batch, column, row) is { Length: > 0 } first)
                return first.Length > 4096 || FileSignature.Read(first, "").IsImage ? "" : null;
        }

        return null;
    }) is not null;

    private static Func<int, FieldValue> Value(RecordBatch batch, TableColumn column, int maxValue) => row =>
    {
        var array = Array(batch, column, row);
        return array switch
        {
            null => default,
            StringArray texts => new FieldValue(Bytes: texts.GetBytes(row, out var isNull) is var bytes && !isNull ? Cut(bytes, maxValue) : null),
            LargeStringArray texts => new FieldValue(texts.GetString(row)),
            StringViewArray texts => new FieldValue(texts.GetString(row)),
            BinaryArray bytes => new FieldValue(Bytes: Cut(bytes.GetBytes(row), maxValue)),
            LargeBinaryArray bytes => new FieldValue(Bytes: Cut(bytes.GetBytes(row), maxValue)),
            ListArray list => new FieldValue(Texts: Texts(list.Values, list.ValueOffsets[row], list.ValueOffsets[row + 1])),
            LargeListArray list => new FieldValue(Texts: Texts(list.Values, checked((int)list.ValueOffsets[row]), checked((int)list.ValueOffsets[row + 1]))),
            Int8Array or Int16Array or Int32Array or Int64Array or UInt8Array or UInt16Array or UInt32Array => new FieldValue(Number(array, row),
                Other: "number"),
            NullArray => default,
            _ => new FieldValue(Other: "of another type"),
        };
    };

    private static string? Number(IArrowArray array, int row) => array switch
    {
        Int8Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        Int16Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        Int32Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        Int64Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        UInt8Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        UInt16Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        UInt32Array numbers => numbers.GetValue(row)?.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private static List<string> Texts(IArrowArray values, int from, int to)
    {
        var found = new List<string>();
        for (var at = from; at < to; at++)
        {
            if (!values.IsNull(at) && values switch
            {
                StringArray texts => texts.GetString(at),
                LargeStringArray texts => texts.GetString(at),
                StringViewArray texts => texts.GetString(at),
                _ => null
            } is { } text)
                found.Add(text);
        }

        return found;
    }

    private static byte[] Cut(ReadOnlySpan<byte> value, int length)
    {
        if (value.Length <= length)
            return value.ToArray();
        // Not within a letter.
        while (length > 0 && (value[length] & 0xC0) == 0x80)
            length--;
        return value[..length].ToArray();
    }

    private static byte[]? Bytes(RecordBatch batch, TableColumn column, int row) => Array(batch, column, row) switch
    {
        BinaryArray bytes => bytes.GetBytes(row).ToArray(),
        LargeBinaryArray bytes => bytes.GetBytes(row).ToArray(),
        BinaryViewArray bytes => bytes.GetBytes(row).ToArray(),
        _ => null,
    };

    /// <summary>The array of a column; null where the row has no value in it.</summary>
    private static IArrowArray? Array(RecordBatch batch, TableColumn column, int row)
    {
        var array = batch.Column(column.Name);
        var path = column.Path;
        for (var at = column.Name.Length; ; at += 1)
        {
            if (array is null || array.IsNull(row))
                return null;
            if (at >= path.Length || array is not StructArray structure)
                return array;
            var type = (StructType)structure.Data.DataType;
            var member = type.Fields.Select((field, number) => (field, number)).First(each => string.CompareOrdinal(path, at + 1, each.field.Name, 0,
                each.field.Name.Length) == 0
                && (at + 1 + each.field.Name.Length == path.Length || path[at + 1 + each.field.Name.Length] == '.'));
            array = structure.Fields[member.number];
            at += member.field.Name.Length;
        }
    }

    private static T? Try<T>(Func<T> read)
        where T : class?
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is not (CurationException or OperationCanceledException))
        {
            return null;
        }
    }
}
