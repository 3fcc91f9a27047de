using System.Globalization;
using System.Text.Json;
using Sana.Curation.Shards;

namespace Sana.Curation.Export;

/// <summary>
/// ImageFolder: <c>{shard}/{key}.jpg</c>, and <c>metadata.jsonl</c> with a line for each image: <c>file_name</c>, <c>text</c> and more columns. With all
/// captions <c>text</c> is a list, of which diffusers' scripts draw one. Columns have one type in all lines, since readers take the types from the first ones.
/// </summary>
internal sealed class ImageFolderLayout(ExportDataset dataset, ExportOptions options, ExportCounts counts) : IExportLayout
{
    public Task Write(IAsyncEnumerable<ExportSample> samples, ExportTarget target, CancellationToken cancellationToken) =>
        target.Replace("metadata.jsonl", async (stream, token) =>
    {
        await foreach (var sample in samples.WithCancellation(token))
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"{sample.Row.Shard:00000}/{sample.Name}.{dataset.ImageExtension}");
            await target.Put(file, sample.Length, sample.Image, token);
            await stream.WriteAsync(Line(sample, file), token);
            counts.Add(sample, sample.Captions.Count);
        }
    }, cancellationToken);

    private ReadOnlyMemory<byte> Line(ExportSample sample, string file)
    {
        var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Sample.Json))
        {
            json.WriteStartObject();
            json.WriteString("file_name", file);
            if (options.Captions == ExportOptions.All)
            {
                json.WriteStartArray("text");
                foreach (var caption in sample.Captions)
                    json.WriteStringValue(caption.Text);
                json.WriteEndArray();
            }
            else
            {
                json.WriteString("text", sample.Captions[0].Text);
            }

            json.WriteString("caption_label", sample.Captions[0].Label);
            if (dataset.Scorer is not null)
            {
                json.WritePropertyName("caption_score");
                // With its decimals also where they are zeros: a whole number would make it a column of integers.
                json.WriteRawValue(sample.Score?.ToString("F4", CultureInfo.InvariantCulture) ?? "null");
            }

            json.WriteString("key", sample.Row.Key);
            json.WriteNumber("width", sample.Row.Width ?? 0);
            json.WriteNumber("height", sample.Row.Height ?? 0);
            json.WriteString("licence", sample.Row.Licence ?? "");
            json.WriteString("source_uri", sample.Row.SourceUri);
            // Not of the exported file: a reader would check it.
            json.WriteString("source_sha256", sample.Row.Sha256 ?? "");
            json.WriteEndObject();
        }

        bytes.WriteByte((byte)'\n');
        return bytes.ToArray();
    }
}
