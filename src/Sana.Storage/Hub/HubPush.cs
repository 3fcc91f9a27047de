using System.Collections.Concurrent;
using System.Globalization;

namespace Sana.Storage.Hub;

/// <summary>
/// Makes a branch of a dataset repository hold some files. Large files go to the repository's store first, where those of a push that was killed are found again;
/// one commit at the end makes all of them appear.
/// </summary>
internal sealed class HubPush
{
    private const int SampleBytes = 512; // by which the Hub tells text from other files
    private const int FilesAtOnce = 256; // in one question

    private readonly HubClient _client;
    private readonly HubSettings _settings;
    private readonly HubId _id;
    private readonly IReadOnlyList<PushFile> _files;
    private readonly PushOptions _options;
    private readonly IProgress<HubProgress>? _progress;
    private readonly ConcurrentDictionary<(string Path, bool IsLarge), string> _hashes = new();
    private readonly ConcurrentDictionary<string, long> _sent = new();
    private int _removed;
    private bool _isNew;
    private bool _isCommitted;

    private HubPush(HubClient client, HubSettings settings, HubId id, IReadOnlyList<PushFile> files, PushOptions options, IProgress<HubProgress>? progress) =>
        (_client, _settings, _id, _files, _options, _progress) = (client, settings, id, files, options, progress);

    /// <summary>Sends what the branch does not have.</summary>
    /// <param name="id">The dataset and its branch; both are made if they are missing.</param>
    /// <param name="files">What is to be there.</param>
    /// <param name="options">How.</param>
    /// <param name="settings">How the Hub is reached, with a token that may write.</param>
    /// <param name="progress">Hears once a second how far it is. Null for nobody.</param>
    /// <param name="cancellationToken">Stops; the next call goes on.</param>
    /// <exception cref="UnusableJobException">The Hub does not take it.</exception>
    /// <exception cref="SanaException">It does not get there now: the network, the Hub, or a file that is damaged.</exception>
    public static async Task<PushSummary> Run(HubId id, IReadOnlyList<PushFile> files, PushOptions options, HubSettings settings, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        settings.Check();
        if (settings.IsOffline)
            throw new SanaException($"A push to {id} goes to {settings.Endpoint}, and HF_HUB_OFFLINE says that nothing is asked of the network; unset it.");
        if (settings.Token is null)
            throw new SanaException($"A push to {id} needs a token that may write: make one at {new Uri(settings.Endpoint, "settings/tokens")} and set HF_TOKEN to it.");
        using var client = new HubClient(settings);
        try
        {
            return await new HubPush(client, settings, id, files, options, progress).ToTheCommit(cancellationToken);
        }
        catch (HubBusyException busy)
        {
            throw new SanaException($"{settings.Endpoint} cannot be asked to take the files of {id}: {busy.Message}; run the same command again later, what has arrived is not sent again.", busy);
        }
    }

    private async Task<PushSummary> ToTheCommit(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            // 1. What the branch holds, and what it lacks.
            var listing = await Branch(cancellationToken);
            var there = await Tree(listing.Commit, cancellationToken);
            var missing = await Missing(there, cancellationToken);
            var left = _files.Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
            var stale = there.Keys.Where(path => !left.Contains(path) && _options.IsOurs(path)).Order(StringComparer.Ordinal).ToArray();
            if (missing.Count == 0 && stale.Length == 0)
                return Summary(listing.Commit);

            // 2. Large files to the store.
            var large = await Large(missing, cancellationToken);
            await Send(missing.Where(file => large.Contains(file.Path)).ToArray(), cancellationToken);

            // 3. The commit. Where its answer is lost, the branch tells whether it was made.
            (_removed, _isCommitted) = (stale.Length, true);
            foreach (var file in missing.Where(file => !large.Contains(file.Path)))
                _sent[file.Path] = file.Length;
            try
            {
                if (await _client.Commit(_id, moved => Lines(listing.Commit, missing, large, stale, moved), cancellationToken) is { } commit)
                    return Summary(commit);
                if (attempt == _settings.MaxAttempts)
                    throw new SanaException($"{_id} got a new commit each time that this push was at its end; run the same command again when nobody else pushes, what has arrived is not sent again.");
            }
            catch (HubBusyException busy) when (attempt < _settings.MaxAttempts)
            {
                var wait = HubRepository.WaitAfter(_settings, busy, attempt);
                _progress?.Report(Note(string.Create(CultureInfo.InvariantCulture, $"the commit is asked for again in {wait.TotalSeconds:0} s: {busy.Message}.")));
                await Task.Delay(wait, cancellationToken);
            }
        }
    }

    private PushSummary Summary(string commit) => new(
        _id.ToString(), commit, new Uri(_settings.Endpoint, $"{_id.Path}/tree/{_id.Revision}"), _files.Count, _sent.Count, _sent.Values.Sum(), _files.Count - _sent.Count, _removed)
    { IsNew = _isNew, IsCommitted = _isCommitted };

    private async Task<HubListing> Branch(CancellationToken cancellationToken)
    {
        var found = await Patiently(() => _client.Find(_id, cancellationToken), cancellationToken);
        if (!found.IsRepositoryThere)
        {
            await Patiently(() => Done(_client.Create(_id, _options.IsPrivate, cancellationToken)), cancellationToken);
            _isNew = true;
            _progress?.Report(Note("the repository is made."));
            found = await Patiently(() => _client.Find(_id, cancellationToken), cancellationToken);
        }

        if (found is { IsRepositoryThere: true, Listing: null })
        {
            await Patiently(() => Done(_client.Branch(_id, cancellationToken)), cancellationToken);
            _progress?.Report(Note($"the branch {_id.Revision} is made."));
            found = await Patiently(() => _client.Find(_id, cancellationToken), cancellationToken);
        }

        if (found.Listing is not { } listing)
            throw new UnusableJobException(HubRefusal.OfWrite(_settings, _id, "the version", 404, "RepoNotFound", message: null));
        return _options.IsPrivate && listing.IsPrivate == false
            ? throw new UnusableJobException($"{_id} is there and public; make it private at {new Uri(_settings.Endpoint, $"{_id.Path}/settings")}, or leave --private out.")
            : listing;
    }

    private async Task<Dictionary<string, HubFile>> Tree(string commit, CancellationToken cancellationToken)
    {
        var there = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        Uri? page = null;
        do
        {
            var from = page;
            (var some, page) = await Patiently(() => _client.Tree(_id, commit, from, cancellationToken), cancellationToken);
            foreach (var file in some)
                there[file.Path] = file;
        }
        while (page is not null);
        return there;
    }

    private async Task<List<PushFile>> Missing(Dictionary<string, HubFile> there, CancellationToken cancellationToken)
    {
        var missing = new List<PushFile>();
        foreach (var file in _files)
        {
            if (!there.TryGetValue(file.Path, out var known) || known.Length != file.Length || known.Hash != await Hash(file, known.Hash.Length == 64, cancellationToken))
                missing.Add(file);
        }

        return missing;
    }

    private async Task<string> Hash(PushFile file, bool isLarge, CancellationToken cancellationToken)
    {
        if (isLarge && file.Sha256 is { } stated)
            return stated;
        if (!_hashes.TryGetValue((file.Path, isLarge), out var hash))
            _hashes[(file.Path, isLarge)] = hash = await file.Hash(isLarge, cancellationToken);
        return hash;
    }

    private async Task<HashSet<string>> Large(IReadOnlyList<PushFile> files, CancellationToken cancellationToken)
    {
        var large = new HashSet<string>(StringComparer.Ordinal);
        foreach (var some in files.Chunk(FilesAtOnce))
        {
            var heads = new (string, long, byte[])[some.Length];
            await Parallel.ForEachAsync(Enumerable.Range(0, some.Length), Parallelism(cancellationToken), async (i, token) =>
                heads[i] = (some[i].Path, some[i].Length, await some[i].Head(SampleBytes, token)));
            large.UnionWith(await Patiently(() => _client.Modes(_id, heads, cancellationToken), cancellationToken));
        }

        return large;
    }

    private async Task Send(PushFile[] files, CancellationToken cancellationToken)
    {
        var objects = new Dictionary<string, PushFile>(StringComparer.Ordinal);
        foreach (var file in files)
            objects.TryAdd(await Hash(file, isLarge: true, cancellationToken), file);
        if (objects.Count == 0)
            return;
        var meter = new HubMeter { Id = _id, Files = objects.Count, Bytes = objects.Values.Sum(file => file.Length), Progress = _progress };
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reports = meter.Run(done.Token);
        try
        {
            foreach (var some in objects.Chunk(FilesAtOnce))
            {
                var asked = await Patiently(() => _client.Batch(_id, [.. some.Select(each => (each.Key, each.Value.Length, each.Value.Path))], cancellationToken), cancellationToken);
                await Parallel.ForEachAsync(some, Parallelism(cancellationToken), async (each, token) =>
                {
                    if (await new HubUpload(_client, _settings, _id, each.Value, each.Key, meter).Run(asked[each.Key], token))
                        _sent[each.Value.Path] = each.Value.Length;
                    meter.FileDone();
                });
            }
        }
        finally
        {
            await done.CancelAsync();
            await reports;
        }
    }

    private CommitBody Lines(string parent, IReadOnlyList<PushFile> files, HashSet<string> large, IReadOnlyList<string> stale, Action<int> moved)
    {
        var body = new CommitBody(_options.Summary, parent, moved);
        foreach (var file in files)
        {
            if (large.Contains(file.Path))
                body.AddLarge(file.Path, file.Sha256 ?? _hashes[(file.Path, true)], file.Length);
            else
                body.Add(file);
        }

        foreach (var path in stale)
            body.Remove(path);
        return body;
    }

    private HubProgress Note(string text) => new(_id.ToString(), 0, 0, 0, 0, 0) { Note = text };

    private ParallelOptions Parallelism(CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = _settings.Parallel, CancellationToken = cancellationToken };

    private Task<T> Patiently<T>(Func<Task<T>> ask, CancellationToken cancellationToken) => HubRepository.Patiently(_settings, _settings.MaxAttempts, ask, cancellationToken);

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }
}

/// <summary>How files are pushed.</summary>
internal sealed record PushOptions
{
    /// <value>Title of the commit.</value>
    public required string Summary { get; init; }

    /// <value>Which other files of the branch are of an earlier push, and are taken away.</value>
    public required Func<string, bool> IsOurs { get; init; }

    /// <value>Whether only some may see the repository, if it is made. Default false: as the owner's account makes them.</value>
    public bool IsPrivate { get; init; }
}

/// <summary>What a push came to.</summary>
/// <param name="Repository">The repository, as <c>datasets/owner/name[@branch]</c>.</param>
/// <param name="Commit">The commit that holds the files.</param>
/// <param name="Page">Where people see it.</param>
/// <param name="Files">Files of the version.</param>
/// <param name="Sent">Those that this push sent.</param>
/// <param name="SentBytes">Their bytes.</param>
/// <param name="There">Those that the branch or its store had.</param>
/// <param name="Removed">Files of an earlier version that the commit takes away.</param>
public sealed record PushSummary(string Repository, string Commit, Uri Page, int Files, long Sent, long SentBytes, long There, int Removed)
{
    /// <value>Whether the repository was made.</value>
    public bool IsNew { get; init; }

    /// <value>Whether the commit is of this push; false where there was nothing to do.</value>
    public bool IsCommitted { get; init; }
}
