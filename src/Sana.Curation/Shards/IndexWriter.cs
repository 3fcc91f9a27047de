using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

/// <summary>Writes rows as parquet. Compression is Snappy, whose bytes depend on no native library.</summary>
internal static class IndexWriter
{
    private const int RowsPerGroup = 10_000;

    public static async Task Write(Stream stream, IReadOnlyList<IndexRow> rows, IReadOnlyList<IndexColumn<IndexRow>> columns, CancellationToken cancellationToken)
    {
        var schema = new ParquetSchema(columns.Select(column => column.Field));
        await using var parquet = await ParquetWriter.CreateAsync(
            schema, stream, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy }, cancellationToken: cancellationToken);
        parquet.CustomMetadata = new Dictionary<string, string> { ["schema"] = "sana.index/1" };
        foreach (var chunk in rows.Chunk(RowsPerGroup))
        {
            using var group = parquet.CreateRowGroup();
            foreach (var leaf in columns.SelectMany(column => column.Leaves))
                await leaf(group, chunk, cancellationToken);
        }
    }
}
