using System.Runtime.CompilerServices;
using Sana.Storage.Hub;

namespace Sana.Storage.Sources;

/// <summary>
/// A dataset repository of the Hub as a source, read where it lies: a shard is streamed while it is worked on, and nothing of it is kept. One commit is one
/// source, whatever is pushed meanwhile.
/// </summary>
internal sealed class HubSource : ISourceFiles
{
    private const string Form = "hf:datasets/owner/name[@revision]";

    private readonly HubSettings _settings;
    private readonly HubClient _client;
    private readonly HubId _id;
    private readonly string _commit;
    private SortedDictionary<string, HubFile>? _files;

    private HubSource(HubSettings settings, HubClient client, HubId id, string commit) => (_settings, _client, _id, _commit) = (settings, client, id, commit);

    /// <summary>Whether a text names a dataset of the Hub, or something else of it that is no source.</summary>
    public static bool Is(string text) => HubId.IsPrefixed(text);

    /// <summary>The text with the commit that its revision is now, so that all who read it read the same; any other text as it is.</summary>
    /// <exception cref="SanaException">There is no such dataset, or the Hub cannot be asked.</exception>
    public static async Task<string> Pin(string text, HubSettings settings, CancellationToken cancellationToken)
    {
        if (!Is(text) || Parse(text) is { IsCommit: true })
            return text;
        return $"{HubId.Prefix}datasets/{Parse(text).Repository}@{(await Open(text, settings, cancellationToken))._commit}";
    }

    /// <inheritdoc cref="Pin" path="/exception"/>
    public static async Task<HubSource> Open(string text, HubSettings settings, CancellationToken cancellationToken)
    {
        settings.Check();
        var id = Parse(text);
        if (settings.IsOffline)
            throw new SanaException($"{id} is read from {settings.Endpoint}, and HF_HUB_OFFLINE says that nothing is asked of the network; unset it, or give the folder of a downloaded copy.");
        var client = new HubClient(settings);
        var commit = id.IsCommit ? id.Revision : (await Ask(settings, id, () => client.List(id, cancellationToken), cancellationToken)).Commit;
        return new HubSource(settings, client, id, commit);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceFile> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var file in (await Files(cancellationToken)).Values)
            yield return new SourceFile(file.Path, file.Length, file.Path.Split('/').Any(part => part.StartsWith('.')) ? SourceFile.Hidden : null);
    }

    /// <inheritdoc/>
    public async Task<Stream?> Open(string name, CancellationToken cancellationToken) => (await Files(cancellationToken)).TryGetValue(name, out var file)
        ? new HubFileStream(_client, _settings, _id, _commit, file)
        : null;

    private static HubId Parse(string text) => HubId.TryParseDataset(text, out var id)
        ? id
        : throw new UnusableJobException($"'{text}' is no dataset of the Hugging Face Hub; write {Form}.");

    private async Task<SortedDictionary<string, HubFile>> Files(CancellationToken cancellationToken)
    {
        if (_files is { } known)
            return known;
        var files = new SortedDictionary<string, HubFile>(StringComparer.Ordinal);
        for (Uri? page = null; ;)
        {
            var from = page;
            var (some, next) = await Ask(_settings, _id, () => _client.Tree(_id, _commit, from, cancellationToken), cancellationToken);
            foreach (var file in some)
                files[file.Path] = file;
            if (next is null)
                return _files = files;
            page = next;
        }
    }

    private static async Task<T> Ask<T>(HubSettings settings, HubId id, Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await HubRepository.Patiently(settings, settings.MaxAttempts, ask, cancellationToken);
        }
        catch (HubBusyException busy)
        {
            throw new SanaException($"{settings.Endpoint} cannot be asked for the files of {id}: {busy.Message}; run the same command again later.", busy);
        }
    }
}
