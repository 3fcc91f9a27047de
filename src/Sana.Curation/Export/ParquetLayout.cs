using System.Globalization;
using Parquet;
using Parquet.Schema;
using Sana.Curation.Shards;

namespace Sana.Curation.Export;

/// <summary>
/// <c>data/train-00000.parquet</c> …: the image as <c>{bytes, path}</c>, <c>text</c> and more columns. The key <c>huggingface</c> of each file declares the
/// features, so that the Hub and <c>datasets</c> show images. Which images a file has follows from their sizes alone, so that a file that is there is passed
/// over.
/// </summary>
internal sealed class ParquetLayout(ExportDataset dataset, ExportOptions options, ExportCounts counts) : IExportLayout
{
    private const int RowsPerGroup = 100;
    private const long BytesPerGroup = 64_000_000;

    private static readonly DataField<byte[]> _bytes = new("bytes", true);
    private static readonly DataField<string> _path = new("path", true);
    private static readonly DataField<string> _element = new("element", true);

    private readonly IReadOnlyList<Column> _columns =
    [
        Text("caption_label", sample => sample.Captions[0].Label), Value("caption_score", "float64", sample => sample.Score),
        Text("key", sample => sample.Row.Key), Value("width", "int32", sample => sample.Row.Width), Value("height", "int32", sample => sample.Row.Height),
        Text("licence", sample => sample.Row.Licence), Text("source_uri", sample => sample.Row.SourceUri), Text("source_sha256", sample => sample.Row.Sha256),
    ];

    private bool IsList => options.Captions == ExportOptions.All;

    /// <summary>The columns and their types after <c>image</c> and <c>text</c>, as a dataset card lists them.</summary>
    public IEnumerable<(string Name, string Type)> Columns => _columns.Select(column => (column.Field.Name, column.Type));

    public async Task Write(IAsyncEnumerable<ExportSample> samples, ExportTarget target, CancellationToken cancellationToken)
    {
        var (file, pending, bytes) = (0, new List<ExportSample>(), 0L);
        await foreach (var sample in samples.WithCancellation(cancellationToken))
        {
            if (pending.Count > 0 && bytes + sample.Length > options.MaxFileBytes)
                await Flush();
            pending.Add(sample);
            bytes += sample.Length;
            counts.Add(sample, sample.Captions.Count);
        }

        if (pending.Count > 0)
            await Flush();

        async Task Flush()
        {
            var rows = pending.ToArray();
            await target.Write(string.Create(CultureInfo.InvariantCulture, $"data/train-{file++:00000}.parquet"), (stream, token) => File(stream, rows, token),
                cancellationToken);
            pending.Clear();
            bytes = 0;
        }
    }

    private async Task File(Stream stream, ExportSample[] rows, CancellationToken cancellationToken)
    {
        var texts = new DataField<string>("text", true);
        var schema = new ParquetSchema([new StructField("image", _bytes, _path), IsList ? new ListField("text", _element) : texts,
            .. _columns.Select(column => column.Field)]);
        await using var parquet = await ParquetWriter.CreateAsync(schema, stream, new ParquetOptions { CompressionMethod = CompressionMethod.Snappy },
            cancellationToken: cancellationToken);
        parquet.CustomMetadata = new Dictionary<string, string> { ["huggingface"] = Features() };
        foreach (var group in Groups(rows))
        {
            using var writer = parquet.CreateRowGroup();
            var (images, paths, text) = (new LeafBuffer<ReadOnlyMemory<byte>>(), new LeafBuffer<ReadOnlyMemory<char>>(),
                new LeafBuffer<ReadOnlyMemory<char>>());
            foreach (var sample in group)
            {
                images.Add(await sample.Image(cancellationToken), 2, 0);
                paths.Add($"{sample.Name}.{dataset.ImageExtension}".AsMemory(), 2, 0);
                if (IsList)
                    IndexColumn.AddList(text, [.. sample.Captions.Select(caption => caption.Text)], 0, definition: 1, repetition: 1);
                else
                    text.Add(sample.Captions[0].Text.AsMemory(), 1, 0);
            }

            await images.Write(writer, _bytes, cancellationToken);
            await paths.Write(writer, _path, cancellationToken);
            await text.Write(writer, IsList ? _element : texts, cancellationToken);
            foreach (var column in _columns)
                await column.Write(writer, group, cancellationToken);
        }
    }

    private static IEnumerable<ExportSample[]> Groups(ExportSample[] rows)
    {
        for (var at = 0; at < rows.Length;)
        {
            var (from, bytes) = (at, rows[at].Length);
            for (at++; at < rows.Length && at - from < RowsPerGroup && bytes + rows[at].Length <= BytesPerGroup; at++)
                bytes += rows[at].Length;
            yield return rows[from..at];
        }
    }

    private string Features()
    {
        static string Scalar(string type) => $$"""{"dtype":"{{type}}","_type":"Value"}""";
        var text = IsList ? $$"""{"feature":{{Scalar("string")}},"_type":"Sequence"}""" : Scalar("string");
        var others = string.Concat(_columns.Select(column => $",\"{column.Field.Name}\":{Scalar(column.Type)}"));
        return """{"info":{"features":{"image":{"_type":"Image"},"text":""" + text + others + "}}}";
    }

    private static Column Text(string name, Func<ExportSample, string?> value) =>
        Of(new DataField<string>(name, true), "string", sample => value(sample)?.AsMemory());

    private static Column Value<T>(string name, string type, Func<ExportSample, T?> value)
        where T : struct => Of(new DataField<T>(name, true), type, value);

    private static Column Of<T>(DataField field, string type, Func<ExportSample, T?> value)
        where T : struct => new(field, type, (group, samples, token) =>
        {
            var buffer = new LeafBuffer<T>();
            foreach (var sample in samples)
            {
                if (value(sample) is { } present)
                    buffer.Add(present, 1, 0);
                else
                    buffer.Skip(0, 0);
            }

            return buffer.Write(group, field, token);
        });

    private sealed record Column(DataField Field, string Type, Func<ParquetRowGroupWriter, ExportSample[], CancellationToken, Task> Write);
}
