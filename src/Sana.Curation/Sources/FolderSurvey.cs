using System.Text;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// A first look over a folder's names: its lists and tables, the captions beside tars, and sidecars that do not stand next to their image. Of ordinary
/// images and sidecars nothing is kept.
/// </summary>
internal sealed class FolderSurvey
{
    private const int MostDocuments = 1000;

    private static readonly string[] _lists = ["wids-meta.json", "meta_data.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json",
        "state.json", "sana-export.json"];

    private readonly HashSet<string> _shards = new(StringComparer.Ordinal);
    private readonly HashSet<string> _stems = new(StringComparer.Ordinal);
    private readonly HashSet<string> _imageFolders = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<SourcePart>> _strays = new(StringComparer.Ordinal);
    private readonly List<SourceFile> _apart = [];
    private readonly HashSet<string> _owned = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _snapshots = new(StringComparer.Ordinal);
    private bool _hasHubFiles;
    private bool _hasShards;
    private string _folder = "";

    /// <value>Tables and lists, by name.</value>
    public List<SourceFile> Tables { get; } = [];

    /// <value>JSON documents and texts that are nobody's sidecar.</value>
    public List<SourceFile> Documents { get; } = [];

    /// <value>Of each tar, by its name without ending, the captions that stand beside it.</value>
    public Dictionary<string, List<SourceFile>> ShardCaptions { get; } = new(StringComparer.Ordinal);

    /// <value>Names that begin so are passed over, with what they are: the Hub's cache keeps each file a second time, a dataset of this program also what
    /// it left out.</value>
    public List<(string Prefix, string What)> PassedOver { get; } = [];

    /// <summary>Looks over every name once.</summary>
    public static async Task<FolderSurvey> Of(ISourceFiles files, CancellationToken cancellationToken)
    {
        var survey = new FolderSurvey();
        var (key, group) = ((string?)null, new List<SourceFile>());
        await foreach (var file in files.List(cancellationToken))
        {
            if (file.LeftOut is not null)
                continue;
            survey.Notice(file.Name);
            var next = FileNames.Key(file.Name);
            if (next != key)
            {
                survey.Close(group);
                group.Clear();
                key = next;
            }

            group.Add(file);
        }

        survey.Close(group);
        survey.Pair();
        await survey.Judge(files, cancellationToken);
        return survey;
    }

    /// <summary>Sidecars of an image that stand apart from it.</summary>
    public IEnumerable<SourcePart> Strays(string image) => _strays.GetValueOrDefault(Stems.Folded(FileNames.Stem(image))) ?? [];

    /// <summary>Whether a sidecar that stands apart has an image for certain.</summary>
    public bool IsStray(string sidecar) => _owned.Contains(sidecar);

    /// <summary>Whether a file is one of those that trainers and <c>datasets</c> keep beside their data.</summary>
    public static bool IsKept(string name) => _lists.Contains(FileNames.Last(name));

    /// <summary>The tar that a file beside it tells of, by its name without ending; null when it tells of none.</summary>
    public string? ShardOf(string name)
    {
        var stem = FileNames.Stem(name);
        if (_shards.Contains(stem))
            return stem;
        for (var cut = stem.IndexOf('_', FileNames.Folder(name).Length); cut >= 0; cut = stem.IndexOf('_', cut + 1))
        {
            if (_shards.Contains(stem[..cut]))
                return stem[..cut];
        }

        return null;
    }

    /// <summary>Whether a table tells of the files in a folder of its name, as img2dataset writes it.</summary>
    public bool IsOfFolder(string table) => _imageFolders.Contains(FileNames.Stem(table) + '/');

    private void Notice(string name)
    {
        if (name.StartsWith("snapshots/", StringComparison.Ordinal) && name.IndexOf('/', "snapshots/".Length) is > 0 and var slash)
            _snapshots.Add(name[..(slash + 1)]);
        _hasHubFiles |= name.StartsWith("blobs/", StringComparison.Ordinal) || name.StartsWith("refs/", StringComparison.Ordinal);
        _hasShards |= name == "shards/wids-meta.json";
    }

    private void Close(List<SourceFile> group)
    {
        if (group.Count == 0)
            return;
        var folder = FileNames.Folder(group[0].Name);
        if (folder != _folder)
        {
            _folder = folder;
            _stems.Clear();
        }

        var near = group.Where(file => FileNames.Kind(file.Name) == FileKind.Image || FileNames.Ending(file.Name).Length == 0)
            .Select(file => FileNames.Stem(file.Name)).ToHashSet(StringComparer.Ordinal);
        _stems.UnionWith(near);
        if (near.Count > 0 && folder.Length > 0)
            _imageFolders.Add(folder);
        foreach (var file in group)
        {
            switch (FileNames.Kind(file.Name))
            {
                case FileKind.Tar or FileKind.GzipTar:
                    _shards.Add(FileNames.Stem(file.Name).Replace(".tar", "", StringComparison.Ordinal));
                    break;
                case FileKind.Manifest:
                    Tables.Add(file);
                    break;
                case FileKind.CaptionText or FileKind.CaptionJson when Stems.Owner(file.Name, near.Contains) is not { Field: null } && !IsKept(file.Name):
                    Apart(file, near);
                    break;
            }
        }
    }

    private void Apart(SourceFile file, HashSet<string> near)
    {
        if (Stems.Owner(file.Name, near.Contains) is { } owner)
        {
            Stray(owner.Stem, file, owner.Field);
            _owned.Add(file.Name);
            return;
        }

        // Sana's folder form, and captions of models beside a tar: {image or tar}_{label}.json.
        var stem = FileNames.Stem(file.Name);
        for (var cut = stem.IndexOf('_', FileNames.Folder(stem).Length); cut >= 0
            && FileNames.Kind(file.Name) == FileKind.CaptionJson; cut = stem.IndexOf('_', cut + 1))
        {
            var label = stem[(cut + 1)..];
            if (_shards.Contains(stem[..cut]))
            {
                if (label != "stats" && !label.EndsWith("_clip_score", StringComparison.Ordinal))
                    (ShardCaptions.TryGetValue(stem[..cut], out var there) ? there : ShardCaptions[stem[..cut]] = []).Add(file);
                return;
            }

            if (!_stems.Contains(stem[..cut]))
                continue;
            _owned.Add(file.Name);
            if (!label.EndsWith("_clip_score", StringComparison.Ordinal))
                Stray(stem[..cut], file, label);
            return;
        }

        if (Ascii.IsValid(file.Name))
            Document(file);
        else
            _apart.Add(file);
    }

    private void Document(SourceFile file)
    {
        if (Documents.Count < MostDocuments)
            Documents.Add(file);
    }

    // Names with letters beyond ASCII may be written in two ways, and then they do not sort next to each other.
    private void Pair()
    {
        foreach (var file in _apart)
        {
            Stray(FileNames.Stem(file.Name), file, null);
            Document(file);
        }
    }

    private void Stray(string stem, SourceFile file, string? field)
    {
        var key = Stems.Folded(stem);
        if (!_strays.TryGetValue(key, out var parts))
            _strays[key] = parts = [];
        parts.Add(new SourcePart(file.Name, file.Name, 0, file.Length, field));
    }

    private async Task Judge(ISourceFiles files, CancellationToken cancellationToken)
    {
        if (_snapshots.Count > 0 && _hasHubFiles)
        {
            PassedOver.AddRange([("blobs/", "file of the Hub's cache"), ("refs/", "file of the Hub's cache")]);
            var main = await files.Open("refs/main", cancellationToken) is { } refs ? await Text(refs) : null;
            var taken = main is not null && _snapshots.Contains($"snapshots/{main}/") ? $"snapshots/{main}/" : _snapshots.Max!;
            PassedOver.AddRange(_snapshots.Where(snapshot => snapshot != taken).Select(snapshot => (snapshot, "file of another snapshot of the Hub's cache")));
        }

        if (_hasShards)
            PassedOver.AddRange([("removed/", "record of a dataset of sana"), ("selections/", "record of a dataset of sana"),
                ("config.json", "record of a dataset of sana"), ("manifest.json", "record of a dataset of sana"),
                ("stats.json", "record of a dataset of sana")]);
        Tables.RemoveAll(file => IsPassedOver(file.Name) is not null);
        Documents.RemoveAll(file => IsPassedOver(file.Name) is not null);
    }

    /// <summary>What a name is that is passed over with its folder; null for one that is not.</summary>
    public string? IsPassedOver(string name) => PassedOver.FirstOrDefault(each => name.StartsWith(each.Prefix, StringComparison.Ordinal)).What;

    private static async Task<string> Text(Stream stream)
    {
        await using (stream)
        {
            var bytes = new byte[Math.Min(stream.Length, 200)];
            await stream.ReadExactlyAsync(bytes);
            return Encoding.ASCII.GetString(bytes).Trim();
        }
    }
}
