using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Curation.Sources.Tars;

namespace Sana.Curation.Export;

/// <summary>An image with its captions, as a layout writes it.</summary>
/// <param name="Row">Its row of the index.</param>
/// <param name="Name">The stem of its file: ASCII letters, digits, hyphens and underscores, unique in the dataset also where case does not count.</param>
/// <param name="Captions">Its captions with their labels, at least one; the first is the one where there can be one only.</param>
/// <param name="Length">Bytes of the image.</param>
/// <param name="Image">Reads the image's bytes.</param>
internal sealed record ExportSample(IndexRow Row, string Name, IReadOnlyList<LabelledCaption> Captions, long Length,
    Func<CancellationToken, Task<byte[]>> Image)
{
    /// <value>The score of the first caption; null when it has none.</value>
    public double? Score => Row.Candidates.FirstOrDefault(candidate => candidate.Label == Captions[0].Label && candidate.IsUsable())?.Score;
}

/// <summary>Reads the samples of a dataset shard by shard, in their order. What is left out is counted.</summary>
internal sealed class ExportSamples(ExportDataset dataset, ExportOptions options, ExportCounts counts) : IAsyncDisposable
{
    private readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase);
    private (string Name, Stream Bytes)? _tar;

    /// <exception cref="CurationException">The dataset is damaged, or has no such selection.</exception>
    public async IAsyncEnumerable<ExportSample> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var shard in dataset.Shards)
        {
            var names = new ShardNames(shard.Shard);
            await using var lines = await dataset.Open(names.Lines, cancellationToken);
            if (lines is null)
            {
                counts.LeaveOut(ExportCounts.MissingIndex, names.Lines, shard.Successes);
                continue;
            }

            var selected = options.Selection is null ? null : await Selected(names, options.Selection, cancellationToken);
            var images = await Images(names.Tar, cancellationToken);
            await foreach (var row in Rows(lines, names.Lines, cancellationToken))
            {
                var file = $"{row.Key}.{dataset.ImageExtension}";
                if (row.Status != RowStatus.Success)
                    counts.NotInShards(row.Status);
                else if (Captions(row, selected) is not { Count: > 0 } captions)
                    counts.LeaveOut(Reasons.NoCaption, row.Key);
                else if (!images.TryGetValue(file, out var place))
                    counts.LeaveOut(ExportCounts.MissingImage, $"{names.Tar}!{file}");
                else
                    yield return new ExportSample(row, Name(row), captions, place.Length, token => Image(names.Tar, place, token));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_tar is { } open)
            await open.Bytes.DisposeAsync();
    }

    private static async IAsyncEnumerable<IndexRow> Rows(Stream lines, string name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(lines, Encoding.UTF8);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            IndexRow? row;
            try
            {
                row = JsonSerializer.Deserialize(line, CurationJson.Lines.IndexRow);
            }
            catch (JsonException e)
            {
                throw new CurationException($"The index {name} is not readable: {e.Message} Restore it from a copy, or curate the dataset again.", e);
            }

            yield return row ?? throw new CurationException($"The index {name} has a row of nothing; restore it from a copy, or curate the dataset again.");
        }
    }

    /// <summary>The captions of a later choice by key.</summary>
    private async Task<Dictionary<string, string>> Selected(ShardNames names, string selection, CancellationToken cancellationToken)
    {
        await using var sidecar = await dataset.Open(names.Captions(selection), cancellationToken)
            ?? throw new CurationException($"The dataset has no selection '{selection}': {names.Captions(selection)} is not there; sana select "
                + $"{dataset.Dataset} --label {selection} makes it.");
        try
        {
            using var json = await JsonDocument.ParseAsync(sidecar, cancellationToken: cancellationToken);
            return json.RootElement.EnumerateObject().ToDictionary(key => key.Name, key => key.Value.GetProperty(selection).GetString()!,
                StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CurationException($"The selection {names.Captions(selection)} is not readable: {e.Message} Run sana select again.", e);
        }
    }

    private List<LabelledCaption> Captions(IndexRow row, Dictionary<string, string>? selected)
    {
        if (options.Captions is not (ExportOptions.Chosen or ExportOptions.All))
            return [.. Usable(row).Where(caption => caption.Label == options.Captions).Take(1)];
        var text = selected is null ? row.Caption ?? Usable(row).FirstOrDefault(caption => caption.Label == row.CaptionLabel)?.Text
            : selected.GetValueOrDefault(row.Key);
        if (string.IsNullOrWhiteSpace(text))
            return [];
        var label = selected is null ? row.CaptionLabel! : Usable(row).FirstOrDefault(caption => caption.Text == text)?.Label ?? options.Selection!;
        var chosen = new LabelledCaption(label, text);
        return options.Captions == ExportOptions.Chosen ? [chosen]
            : [.. Usable(row).Prepend(chosen).DistinctBy(caption => caption.Text, StringComparer.Ordinal)];
    }

    private static IEnumerable<LabelledCaption> Usable(IndexRow row) =>
        row.Candidates.Where(candidate => candidate.IsUsable() && !string.IsNullOrWhiteSpace(candidate.Text))
        .Select(candidate => new LabelledCaption(candidate.Label, candidate.Text!));

    // Keys are hashes of the images, so they differ in all shards; a dataset that was put together by hand may have one twice.
    private string Name(IndexRow row)
    {
        if (!SampleKey.IsValid(row.Key))
            throw new CurationException($"The key '{row.Key}' of shard {row.Shard} is no name of a file; restore the index from a copy, or curate the "
                + "dataset again.");
        if (_names.Add(row.Key))
            return row.Key;
        var name = string.Create(CultureInfo.InvariantCulture, $"{row.Key}-{row.Shard:00000}-{row.Row:0000}");
        _names.Add(name);
        return name;
    }

    private async Task<Dictionary<string, TarEntry>> Images(string tar, CancellationToken cancellationToken)
    {
        var images = new Dictionary<string, TarEntry>(StringComparer.Ordinal);
        if (await Tar(tar, cancellationToken) is not { } bytes)
            return images;
        await foreach (var entry in new TarWalk(bytes).Read(cancellationToken))
        {
            if (entry.Reason is null && entry.Name.EndsWith(dataset.ImageExtension, StringComparison.Ordinal))
                images.TryAdd(entry.Name, entry);
        }

        return images;
    }

    private async Task<byte[]> Image(string tar, TarEntry place, CancellationToken cancellationToken)
    {
        var bytes = await Tar(tar, cancellationToken)
            ?? throw new CurationException($"{tar} went away while it was read; run the same command again, it goes on where it stopped.");
        var image = new byte[place.Length];
        bytes.Position = place.Offset;
        await bytes.ReadExactlyAsync(image, cancellationToken);
        return image;
    }

    private async Task<Stream?> Tar(string name, CancellationToken cancellationToken)
    {
        if (_tar is { } open)
        {
            if (open.Name == name)
                return open.Bytes;
            await open.Bytes.DisposeAsync();
            _tar = null;
        }

        if (await dataset.Open(name, cancellationToken) is not { } bytes)
            return null;
        _tar = (name, bytes);
        return bytes;
    }
}
