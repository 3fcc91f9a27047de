using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Storage.Blobs;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>What a whole source would take, by what a sample of it took.</summary>
/// <param name="Items">Items of the source.</param>
/// <param name="Sampled">Items of the sample.</param>
/// <param name="Usable">Share of the sample that came into shards, 0…1.</param>
/// <param name="Captions">Captions to be asked for.</param>
/// <param name="Tokens">Tokens of these, asked and answered.</param>
/// <param name="Cost">Price of these.</param>
/// <param name="Seconds">Busy time of all stages on a machine like this one; stages overlap, so the clock shows less.</param>
public sealed record CurationEstimate(long Items, long Sampled, double Usable, long Captions, long Tokens, decimal Cost, double Seconds)
{
    /// <summary>Scales what the sample came to.</summary>
    /// <param name="blobs">Where the sample was written.</param>
    /// <param name="job">The sample's job.</param>
    /// <param name="made">What it came to.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    public static async Task<CurationEstimate> Of(IBlobs blobs, CurationJob job, CurateSummary made, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(made);
        var place = await SourcePlace.Open(job.Source, job.Settings.Reading.Links, cancellationToken);
        using var source = SourceReader.Open(place.Files, place.Path, job.Settings.Reading, download: null);
        var (items, _, _) = await ItemList.Count(source, job.Settings with { Sample = null }, cancellationToken);
        var names = new DatasetNames(job.Dataset, job.Version);
        var config = JsonSerializer.Deserialize((await blobs.Read(names.Config, cancellationToken))!, CurateJson.Readable.DatasetConfig)!;
        var shards = (int)((config.Items + config.ItemsPerShard - 1) / config.ItemsPerShard);
        var timings = await new DatasetTimings(blobs, TimeProvider.System).Of(names, shards, [.. config.Captioners.Select(captioner => captioner.Label)], cancellationToken);
        var scale = (double)items / config.Items;
        return new CurationEstimate(
            items,
            config.Items,
            (double)made.Succeeded / config.Items,
            (long)(made.Spent.Asked * scale),
            (long)(made.Spent.Tokens * scale),
            Math.Round(made.Spent.Cost * (decimal)scale, 4),
            Math.Round(timings.Stages.Sum(stage => stage.Busy.TotalSeconds) * scale, 1));
    }
}
