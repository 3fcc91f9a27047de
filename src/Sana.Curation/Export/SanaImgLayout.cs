using System.Globalization;
using System.Text;
using System.Text.Json;
using Sana.Curation.Shards;

namespace Sana.Curation.Export;

/// <summary>
/// What Sana's <c>SanaImgDataset</c> reads: <c>meta_data.json</c> lists the images; beside each lies a <c>.txt</c> whose first line is its <c>prompt</c>. With
/// all captions there is a json of each label, <c>{key: {label: caption}}</c>, and one of its score. The loader raises scores to a power and divides by their
/// sum, so an image of which no score is above 0 has none.
/// </summary>
internal sealed class SanaImgLayout(ExportDataset dataset, ExportOptions options, ExportCounts counts) : IExportLayout
{
    public Task Write(IAsyncEnumerable<ExportSample> samples, ExportTarget target, CancellationToken cancellationToken) =>
        target.Replace("meta_data.json", async (stream, token) =>
    {
        await using var json = new Utf8JsonWriter(stream, Sample.Json with { Indented = true, NewLine = "\n" });
        json.WriteStartObject();
        json.WriteString("name", dataset.Dataset);
        json.WriteString("__kind__", "Sana-ImgDataset");
        json.WriteStartArray("img_names");
        await foreach (var sample in samples.WithCancellation(token))
        {
            var stem = string.Create(CultureInfo.InvariantCulture, $"{sample.Row.Shard:00000}/{sample.Name}");
            await target.Put($"{stem}.{dataset.ImageExtension}", sample.Length, sample.Image, token);
            counts.Add(sample, options.Captions == ExportOptions.All ? await All(sample, stem, target, token)
                : await One(sample.Captions[0].Text, stem, target, token));
            json.WriteStringValue($"{stem}.{dataset.ImageExtension}");
            await json.FlushAsync(token);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }, cancellationToken);

    private async Task<int> One(string text, string stem, ExportTarget target, CancellationToken cancellationToken)
    {
        await target.Put($"{stem}.txt", Encoding.UTF8.GetBytes(counts.Line(text) + '\n'), cancellationToken);
        return 1;
    }

    private async Task<int> All(ExportSample sample, string stem, ExportTarget target, CancellationToken cancellationToken)
    {
        // The loader falls back on the prompt: the original, or else the chosen one.
        var prompt = sample.Captions.FirstOrDefault(caption => caption.Label == Candidate.OriginalLabel) ?? sample.Captions[0];
        await One(prompt.Text, stem, target, cancellationToken);
        var others = sample.Captions.Where(caption => caption.Label != Candidate.OriginalLabel).ToArray();
        foreach (var caption in others)
            await target.Put($"{stem}_{caption.Label}.json", Json(sample.Name, caption.Label, caption.Text), cancellationToken);
        var scores = others.Select(caption => (caption.Label, Score: Sidecar.Score(sample.Row, caption.Label)))
            .Append((Label: Candidate.OriginalLabel, Score: prompt.Label == Candidate.OriginalLabel ? Sidecar.PromptScore(sample.Row) : null))
            .Where(score => score.Score is not null).ToArray();
        if (!scores.Any(score => double.Parse(score.Score!, CultureInfo.InvariantCulture) > 0))
            return sample.Captions.Count;
        foreach (var (label, score) in scores)
            await target.Put($"{stem}_{label}_clip_score.json", Json(sample.Name, label, score!), cancellationToken);
        return sample.Captions.Count;
    }

    private static byte[] Json(string key, string label, string text)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Sample.Json))
        {
            json.WriteStartObject();
            json.WriteStartObject(key);
            json.WriteString(label, text);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }
}
