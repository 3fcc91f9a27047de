using System.Collections.Concurrent;
using Sana.Storage.Blobs;

namespace Sana.Storage.Hub;

/// <summary>Model repositories of the Hugging Face Hub as folders of the cache that Python's programs share.</summary>
public static class HubRepository
{
    private const int ListAttempts = 3; // who is without a network hears it soon
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestServerDelay = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The folder of a repository at a revision: found in the cache, or downloaded into it. Files that are there are not asked for, a file that was begun is
    /// gone on with, and every file has the hash that the Hub says. Where the Hub cannot be reached, what was downloaded before is taken, with a note.
    /// </summary>
    /// <param name="id">Which.</param>
    /// <param name="choose">Given the names of all files, and whether one is in the cache: those that are wanted.</param>
    /// <param name="settings">How the Hub is reached.</param>
    /// <param name="progress">Hears once a second how far a download is. Null for nobody.</param>
    /// <param name="cancellationToken">Stops; the next call goes on.</param>
    /// <exception cref="UnusableJobException">There is no such repository or revision, or it may not be read.</exception>
    /// <exception cref="SanaException">It cannot be had now: the network, the Hub or the disk.</exception>
    public static async Task<string> Fetch(
        HubId id, Func<IReadOnlyList<string>, Func<string, bool>, IReadOnlyList<string>> choose, HubSettings settings, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentNullException.ThrowIfNull(choose);
        ArgumentNullException.ThrowIfNull(settings);
        settings.Check();
        var cache = new HubCache(settings.Cache, id);
        using var client = new HubClient(settings);
        try
        {
            if (settings.IsOffline)
                return Known(cache, id, choose) ?? throw new SanaException($"There is no folder '{id.Repository}' here, and {id} is not whole in {settings.Cache}; HF_HUB_OFFLINE says that nothing is asked of the network: run sana fetch {id} without it once.");
            HubListing listing;
            try
            {
                listing = await Patiently(settings, Math.Min(ListAttempts, settings.MaxAttempts), () => client.List(id, cancellationToken), cancellationToken);
            }
            catch (HubBusyException busy)
            {
                if (Known(cache, id, choose) is not { } known)
                {
                    throw new SanaException($"There is no folder '{id.Repository}' here, and {settings.Endpoint} cannot be asked for a repository of that name: {busy.Message}; try again later, or set HF_ENDPOINT or HTTPS_PROXY.", busy);
                }

                progress?.Report(new HubProgress(id.ToString(), 0, 0, 0, 0, 0) { Note = $"{settings.Endpoint} cannot be asked, so the cache is used: {busy.Message}." });
                return known;
            }

            await Complete(id, listing, choose, cache, client, settings, progress, cancellationToken);
            cache.SetCommit(id, listing.Commit);
            return cache.Snapshot(listing.Commit);
        }
        catch (HubBusyException busy)
        {
            throw new SanaException($"{settings.Endpoint} cannot be asked for the files of {id}: {busy.Message}; run the same command again later.", busy);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw FileFault.From("write", settings.Cache, error);
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw FileFault.From("write", settings.Cache, error);
        }
    }

    /// <summary>The wait before the next attempt: as the server says, at most ten minutes; else twice as long each time, at most one.</summary>
    internal static TimeSpan WaitAfter(HubSettings settings, HubBusyException busy, int failures)
    {
        var (wait, most) = busy.Wait is { } said ? (said, LongestServerDelay) : (settings.FirstDelay * Math.Pow(2, failures - 1), LongestDelay);
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait > most ? most : wait;
    }

    private static async Task Complete(
        HubId id, HubListing listing, Func<IReadOnlyList<string>, Func<string, bool>, IReadOnlyList<string>> choose, HubCache cache, HubClient client, HubSettings settings,
        IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        // A name is a path below the cache: what could lead out of it is not taken.
        var names = listing.Names.Where(BlobName.IsValid).ToArray();
        var missing = choose(names, name => cache.Has(listing.Commit, name)).Where(name => !cache.Has(listing.Commit, name)).ToArray();
        if (missing.Length == 0)
            return;
        var files = new ConcurrentBag<HubFile>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = settings.Parallel, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(missing, parallel, async (name, token) => files.Add(await Patiently(settings, settings.MaxAttempts, () => client.Head(id, listing.Commit, name, token), token)));

        cache.Prepare();
        if (cache.LacksRoom(id, files.Sum(file => file.Length - Begun(cache, file))) is { } sentence)
            throw new SanaException(sentence);
        var meter = new HubMeter { Id = id, Files = files.Count, Bytes = files.Sum(file => file.Length), Progress = progress };
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reports = meter.Run(done.Token);
        try
        {
            // The largest first, so that none of them is left alone at the end.
            await Parallel.ForEachAsync(
                files.OrderByDescending(file => file.Length).ThenBy(file => file.Path, StringComparer.Ordinal),
                parallel,
                async (file, token) => await new HubDownload(client, cache, settings, id, listing.Commit, file, meter).Run(token));
        }
        finally
        {
            await done.CancelAsync();
            await reports;
        }
    }

    // What is there of a revision must be all that is wanted: a download that was stopped left less. Null too where it is nothing that can be chosen from.
    private static string? Known(HubCache cache, HubId id, Func<IReadOnlyList<string>, Func<string, bool>, IReadOnlyList<string>> choose)
    {
        if (cache.CommitOf(id) is not { } commit)
            return null;
        var folder = cache.Snapshot(commit);
        string[] names = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Where(name => cache.Has(commit, name))];
        try
        {
            return choose(names, _ => true).All(names.Contains) ? folder : null;
        }
        catch (Exception error) when (error is not (IOException or UnauthorizedAccessException))
        {
            return null;
        }
    }

    private static long Begun(HubCache cache, HubFile file) =>
        File.Exists(cache.Blob(file.Hash)) ? file.Length : new FileInfo(cache.Incomplete(file.Hash)) is { Exists: true } part ? Math.Min(part.Length, file.Length) : 0;

    /// <summary>Asks again while the Hub or the network may only be busy.</summary>
    internal static async Task<T> Patiently<T>(HubSettings settings, int attempts, Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await ask();
            }
            catch (HubBusyException busy) when (failures < attempts)
            {
                await Task.Delay(WaitAfter(settings, busy, failures), cancellationToken);
            }
        }
    }
}
