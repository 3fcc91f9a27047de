using System.Globalization;
using System.Runtime.CompilerServices;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// A manifest in Parquet, a row group at a time and only its columns that mean something. Values are read where the library unpacked them: one text of a
/// dictionary that a million rows refer to is held once.
/// </summary>
internal sealed class ParquetRows(Stream stream, int maxValue)
{
    public async IAsyncEnumerable<ManifestRow> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (await Guarded(() => ParquetGuard.Footer(stream, cancellationToken)) is { } fault)
        {
            yield return Whole($"The manifest is no Parquet file: {fault}.");
            yield break;
        }

        stream.Position = 0;
        if (await Try(() => ParquetReader.CreateAsync(stream, null, true, cancellationToken)) is not { Metadata: not null } parquet)
        {
            yield return Whole("The manifest is no Parquet file that can be read.");
            yield break;
        }

        await using var reader = parquet;
        // The schema is put together when it is asked for.
        if (await Try(() => Task.FromResult(reader.Schema.Fields.ToArray())) is not { } fields)
        {
            yield return Whole("The manifest's schema is damaged.");
            yield break;
        }

        var places = Columns.Places(Array.ConvertAll(fields, field => field.Name));
        if (Unusable(fields, places) is { } unusable)
        {
            yield return unusable;
            yield break;
        }

        var number = 0L;
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            var rows = reader.Metadata!.RowGroups[group].NumRows;
            var held = new List<IDisposable>();
            var (columns, wrong) = await Group(reader, group, fields, places, held, cancellationToken);
            if (columns is null)
            {
                // Its rows cannot be told apart; one item stands for them.
                yield return ManifestRow.Fault(number + 1, Reasons.BadRow, $"Row group {group} of {rows} rows cannot be read: {wrong}.");
                number += Math.Clamp(rows, 1, ParquetGuard.MaxRows);
            }
            else
            {
                for (var row = 0; row < rows; row++)
                    yield return new ManifestRow(++number, Array.ConvertAll(columns, column => column is null ? default : column(row)));
            }

            held.ForEach(column => column.Dispose());
        }
    }

    /// <summary>For each column a way to its cells, or what is wrong with the group.</summary>
    private async Task<(Func<int, Cell>?[]? Columns, string? Wrong)> Group(
        ParquetReader reader, int group, Field[] fields, int[] places, List<IDisposable> held, CancellationToken cancellationToken)
    {
        var rows = reader.Metadata!.RowGroups[group].NumRows;
        if (rows is < 0 or > ParquetGuard.MaxRows)
            return (null, $"a group has 0…{ParquetGuard.MaxRows} rows");
        var columns = new Func<int, Cell>?[Columns.Count];
        using var open = await Try(() => Task.FromResult(reader.OpenRowGroupReader(group)));
        if (open is null)
            return (null, "it is damaged");
        for (var column = 0; column < places.Length; column++)
        {
            if (places[column] < 0 || fields[places[column]] is not DataField field)
                continue;
            var pages = await Try(() => Task.FromResult(open.GetMetadata(field)!));
            var wrong = pages?.MetaData is null ? "is missing" : await Guarded(() => ParquetGuard.Pages(stream, pages.MetaData, rows, cancellationToken));
            if (wrong is not null)
                return (null, $"its column '{FileNames.Shown(field.Name)}' {wrong}");
            var raw = await Try(() => open.ReadRawColumnDataBaseAsync(field, cancellationToken).AsTask());
            if (raw is not null)
                held.Add(raw);
            if (raw is null || await Try(() => Task.FromResult(Cells(raw, (int)rows)!)) is not { } cells)
                return (null, $"its column '{FileNames.Shown(field.Name)}' is damaged");
            columns[column] = cells;
        }

        return (columns, null);
    }

    private Func<int, Cell>? Cells(RawColumnData raw, int rows)
    {
        switch (raw)
        {
            case RawColumnData<ReadOnlyMemory<char>> texts:
                var text = texts.NullableValues.ToArray();
                return text.Length == rows ? row => Text(text[row]) : null;
            case RawColumnData<ReadOnlyMemory<byte>> blobs:
                var bytes = blobs.NullableValues.ToArray();
                return bytes.Length == rows ? row => Blob(bytes[row]) : null;
            case RawColumnData<long> longs:
                var wide = longs.NullableValues.ToArray();
                return wide.Length == rows ? row => new Cell(true, wide[row]?.ToString(CultureInfo.InvariantCulture)) : null;
            case RawColumnData<int> integers:
                var narrow = integers.NullableValues.ToArray();
                return narrow.Length == rows ? row => new Cell(true, narrow[row]?.ToString(CultureInfo.InvariantCulture)) : null;
            default:
                return _ => new Cell(true);
        }
    }

    private Cell Text(ReadOnlyMemory<char>? value) => value is null ? new Cell(true)
        : value.Value.Length > maxValue ? new Cell(true, WrongType: $"longer than {maxValue}")
        : new Cell(true, value.Value.ToString());

    private Cell Blob(ReadOnlyMemory<byte>? value) => value is null ? new Cell(true)
        : value.Value.Length > maxValue ? new Cell(true, WrongType: $"longer than {maxValue}")
        : new Cell(true, System.Text.Encoding.UTF8.GetString(value.Value.Span));

    /// <summary>A manifest that names no image, or has something else than text where names stand.</summary>
    private static ManifestRow? Unusable(Field[] fields, int[] places)
    {
        if (!Columns.HaveImage(places))
            return ManifestRow.Fault(0, Reasons.MissingColumn, $"The manifest has none of the columns {Columns.ImageNames}.");
        foreach (var column in Enum.GetValues<Column>())
        {
            if (places[(int)column] < 0 || column is Column.Hash)
                continue;
            var field = fields[places[(int)column]];
            var isNumber = column is Column.Id or Column.Key && field is DataField { ClrType: var type } && (type == typeof(long) || type == typeof(int));
            if (!isNumber && !(field is DataField { MaxRepetitionLevel: 0, IsArray: false, ClrType: var clr } && (clr == typeof(ReadOnlyMemory<char>) || clr == typeof(ReadOnlyMemory<byte>))))
                return ManifestRow.Fault(0, Reasons.WrongType, $"The column '{FileNames.Shown(field.Name)}' of the manifest is no text.");
        }

        return null;
    }

    private static ManifestRow Whole(string message) => ManifestRow.Fault(0, Reasons.Unreadable, message);

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
}
