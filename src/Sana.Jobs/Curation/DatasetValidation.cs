using Sana.Curation.Shards.Validation;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>Looks at shards as Sana's loader does, ours or anybody's.</summary>
public static class DatasetValidation
{
    /// <summary>What the loader would refuse, ignore or replace.</summary>
    /// <param name="place">Folder or prefix that holds the tars.</param>
    /// <param name="captionSuffixes">As in <c>external_caption_suffixes</c>; null takes those that are there.</param>
    /// <param name="scoreSuffixes">As in <c>external_clipscore_suffixes</c>; null takes those that are there.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="SanaException">There is no such place.</exception>
    /// <exception cref="Sana.Curation.CurationException">It cannot be read, or has no tars.</exception>
    public static async Task<LoaderReport> Run(string place, IReadOnlyList<string>? captionSuffixes, IReadOnlyList<string>? scoreSuffixes, CancellationToken cancellationToken)
    {
        var source = await SourcePlace.Open(place, cancellationToken);
        if (source.Path is not null)
            throw new SanaException($"'{place}' is a file; give the folder that holds the tars.");
        return await SanaLoader.Check(source.Files, new LoaderOptions { CaptionSuffixes = captionSuffixes, ScoreSuffixes = scoreSuffixes, Place = place }, cancellationToken);
    }
}
