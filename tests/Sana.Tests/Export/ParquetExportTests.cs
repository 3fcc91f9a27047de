using System.Security.Cryptography;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Sana.Curation.Export;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Export;

/// <summary>
/// Read by DuckDB, and by the rules of <c>datasets</c>: an image is a struct of bytes and path, and the key <c>huggingface</c> of a file's metadata declares
/// the features by the names of its columns.
/// </summary>
public sealed class ParquetExportTests
{
    [Fact]
    public async Task Every_row_has_the_bytes_of_its_image_and_its_caption()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.Parquet);
        var rows = Query($"select image.path, sha256(image.bytes), text, caption_label, key, width, height, caption_score, octet_length(image.bytes) from '{Files(dataset)}'");

        Assert.Equal(dataset.Samples.Length, rows.Count);
        foreach (var (row, read) in dataset.Samples.Zip(rows))
        {
            var image = await SomeRows.Image(row, default);
            Assert.Equal([$"{row.Key}.jpg", Convert.ToHexStringLower(SHA256.HashData(image)), row.Caption!, row.CaptionLabel!, row.Key], read[..5]);
            Assert.Equal((row.Width, row.Height, row.CaptionScore, (long)image.Length), ((int)read[5], (int)read[6], (double)read[7], (long)read[8]));
        }
    }

    [Fact]
    public async Task The_features_are_declared_by_the_names_of_the_columns()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.Parquet);
        var columns = Query($"select column_name, column_type from (describe select * from '{Files(dataset)}')");
        var features = JsonNode.Parse((string)Query($"select decode(value) from parquet_kv_metadata('{Files(dataset)}') where decode(key) = 'huggingface'")[0][0])!["info"]!["features"]!.AsObject();

        Assert.Equal(columns.Select(column => (string)column[0]), features.Select(feature => feature.Key));
        Assert.Equal("STRUCT(bytes BLOB, path VARCHAR)", columns[0][1]);
        Assert.Equal("""{"_type":"Image"}""", features["image"]!.ToJsonString());
        foreach (var column in columns.Skip(1))
        {
            var type = (string)features[(string)column[0]]!["dtype"]!;
            Assert.Equal((string)column[1], type switch { "string" => "VARCHAR", "int32" => "INTEGER", _ => "DOUBLE" });
        }
    }

    [Fact]
    public async Task Of_all_captions_text_is_a_list()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.Parquet, ExportOptions.All);
        var rows = Query($"select array_to_string(text, '|'), typeof(text) from '{Files(dataset)}'");

        foreach (var (row, read) in dataset.Samples.Zip(rows))
        {
            var others = row.Candidates.Where(candidate => candidate.Text is not null && candidate.Text != row.Caption).Select(candidate => candidate.Text);
            Assert.Equal([string.Join('|', others.Prepend(row.Caption)), "VARCHAR[]"], read);
        }
    }

    [Fact]
    public async Task Files_end_at_their_size_and_the_card_finds_them()
    {
        using var dataset = await SomeDataset.Create();

        await dataset.Export(ExportFormat.Parquet, maxFileBytes: 5000);
        var files = Directory.GetFiles(Path.Combine(dataset.Out(), "data")).Order(StringComparer.Ordinal).ToArray();
        var card = await File.ReadAllTextAsync(Path.Combine(dataset.Out(), "README.md"));

        Assert.Equal(Enumerable.Range(0, files.Length).Select(i => $"train-{i:00000}.parquet"), files.Select(Path.GetFileName));
        Assert.All(files, file => Assert.InRange((decimal)Query($"select sum(octet_length(image.bytes)) from '{file}'")[0][0].Convert(), 1, 5000));
        Assert.Equal((long)dataset.Samples.Length, Query($"select count(*) from '{Files(dataset)}'")[0][0]);
        Assert.Contains("path:\n    - \"data/train-*.parquet\"\n", card, StringComparison.Ordinal);
        Assert.Contains($"num_examples: {dataset.Samples.Length}\n", card, StringComparison.Ordinal);
        Assert.Contains("  - name: image\n    dtype: image\n  - name: text\n    dtype: string\n", card, StringComparison.Ordinal);
    }

    private static string Files(SomeDataset dataset) => Path.Combine(dataset.Out(), "data", "train-*.parquet");

    private static List<object[]> Query(string sql)
    {
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The test's own text.
        command.CommandText = sql;
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var rows = new List<object[]>();
        while (reader.Read())
        {
            var row = new object[reader.FieldCount];
            reader.GetValues(row);
            rows.Add(row);
        }

        return rows;
    }
}

internal static class DuckNumber
{
    /// <summary>DuckDB's sums are 128 bits wide.</summary>
    public static object Convert(this object number) => number is System.Numerics.BigInteger wide ? (decimal)wide
        : System.Convert.ToDecimal(number, System.Globalization.CultureInfo.InvariantCulture);
}
