using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Removes what runs leave behind and can make again.</summary>
public static class Cleaning
{
    private const int AtOnce = 32;

    /// <summary>Removes normalised images, and what else is asked for. A run that is under way makes images again that it misses.</summary>
    /// <param name="blobs">The place to clean.</param>
    /// <param name="options">What is removed beside them.</param>
    /// <param name="cancellationToken">Stops between two files; the rest stays.</param>
    /// <returns>Every kind with what there was, removed or not.</returns>
    /// <exception cref="SanaException">The place cannot be read or written.</exception>
    public static async Task<CleanReport> Run(IBlobs blobs, CleanOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        ArgumentNullException.ThrowIfNull(options);
        var (finished, kinds) = (new Dictionary<string, bool>(StringComparer.Ordinal), new List<CleanedKind>());
        await Kind("normalised images", SharedNames.Images, isRemoved: true, _ => ValueTask.FromResult(true));
        await Kind("captions", SharedNames.Captions, options.Captions, _ => ValueTask.FromResult(true));
        await Kind("quarantined files", SharedNames.Quarantined, options.Quarantine, _ => ValueTask.FromResult(true));
        await Kind("work of finished versions", DatasetNames.AllWork, options.Work, IsFinished);
        return new CleanReport(blobs.Place, options.IsDryRun, kinds);

        async Task Kind(string what, string prefix, bool isRemoved, Func<string, ValueTask<bool>> belongs)
        {
            var (files, bytes) = (0L, 0L);
            var found = blobs.List(prefix, cancellationToken).Where(async (BlobEntry blob, CancellationToken _) => await belongs(blob.Name));
            await Parallel.ForEachAsync(found, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (blob, cancellation) =>
            {
                Interlocked.Increment(ref files);
                Interlocked.Add(ref bytes, blob.Length);
                if (isRemoved && !options.IsDryRun)
                    await blobs.Delete(blob.Name, cancellation);
            });

            kinds.Add(new CleanedKind(what, prefix, files, bytes, isRemoved));
        }

        async ValueTask<bool> IsFinished(string name)
        {
            if (name[DatasetNames.AllWork.Length..].Split('/') is not [var dataset, var version, _, ..])
                return false;
            var manifest = new DatasetNames(dataset, version).Manifest;
            if (!finished.TryGetValue(manifest, out var isFinished))
                finished[manifest] = isFinished = await blobs.Exists(manifest, cancellationToken);
            return isFinished;
        }
    }
}

/// <summary>What is removed beside normalised images.</summary>
public sealed record CleanOptions
{
    /// <value>Captions, which another run would ask and pay for again. Default false.</value>
    public bool Captions { get; init; }

    /// <value>Files that are no image, as they came. Default false.</value>
    public bool Quarantine { get; init; }

    /// <value>Lists and rows of versions that are published: what failed in them cannot be retried any more. Default false.</value>
    public bool Work { get; init; }

    /// <value>Nothing is removed, only counted. Default false.</value>
    public bool IsDryRun { get; init; }
}

/// <summary>What a place had.</summary>
/// <param name="Place">The place in words.</param>
/// <param name="IsDryRun">Nothing was removed.</param>
/// <param name="Kinds">By kind.</param>
public sealed record CleanReport(string Place, bool IsDryRun, IReadOnlyList<CleanedKind> Kinds);

/// <summary>One kind of files.</summary>
/// <param name="Kind">In words.</param>
/// <param name="Prefix">Where they are.</param>
/// <param name="Files">How many there were.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="IsRemoved">Whether they are among what is removed.</param>
public sealed record CleanedKind(string Kind, string Prefix, long Files, long Bytes, bool IsRemoved);
