using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Inference.Imaging;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>
/// About what disk a dataset takes, by the sizes of its files. A JPEG of the web becomes about twice as large at quality 95 without chroma subsampling, and about 8 times as PNG; a lossless
/// photograph about half as large as JPEG. An image whose size is not known counts as the mean of the others, or half a megabyte.
/// </summary>
/// <param name="output">The form of the dataset's images.</param>
public sealed class DiskNeed(ImageFormat output)
{
    private const long UnknownBytes = 500_000;

    private static readonly string[] _lossless = [".png", ".bmp", ".tif", ".tiff", ".gif"];

    private double _bytes;
    private long _known;
    private long _unknown;

    internal long Bytes => (long)(_bytes + (_unknown * (_known == 0 ? UnknownBytes : _bytes / _known)));

    internal void Add(IEnumerable<SourceItem> items)
    {
        foreach (var item in items)
        {
            if (item.Length is { } length)
                (_bytes, _known) = (_bytes + (length * Factor(item.Name)), _known + 1);
            else
                _unknown += item.Reason is null ? 1 : 0;
        }
    }

    /// <summary>One sentence: what a run needs before it starts with images, and what is free; null where the plan says nothing of it.</summary>
    /// <param name="blobs">Where the dataset is written.</param>
    /// <param name="job">The run.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public static async Task<string?> Sentence(IBlobs blobs, CurationJob job, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        ArgumentNullException.ThrowIfNull(job);
        var json = await blobs.Read(new DatasetNames(job.Dataset, job.Version).Source, cancellationToken);
        if (json is null || JsonSerializer.Deserialize(json, CurateJson.Readable.SourceFacts)!.NormalisedBytes is not (> 0 and var bytes))
            return null;
        var until = job.Settings.KeepImages == true ? "of normalised images, which are kept" : "of normalised images until the version is published";
        var free = blobs.FreeBytes is { } left ? $"; {Counted.Bytes(left)} {(left < 2 * bytes ? "are free, which is too little" : "are free")}" : "";
        return $"{job.Dataset} {job.Version} needs about {Counted.Bytes(2 * bytes)} in {blobs.Place}: {Counted.Bytes(bytes)} of shards and {Counted.Bytes(bytes)} {until}{free}.";
    }

    private double Factor(string name) => (Array.Exists(_lossless, ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)), output) switch
    {
        (true, ImageFormat.Png) => 1,
        (true, _) => 0.5,
        (false, ImageFormat.Png) => 8,
        _ => 2,
    };
}
