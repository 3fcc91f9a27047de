using System.Runtime.CompilerServices;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// The items of a folder or prefix: every file but sidecars of images, what belongs to a tar, and the lists that trainers keep. Files that share WebDataset's
/// key stand together in ordinal order, so one key's files are held at a time.
/// </summary>
internal sealed class FolderItems(ISourceFiles files)
{
    private readonly TarItems _tars = new(files);
    private readonly HashSet<string> _stems = new(StringComparer.Ordinal);
    private readonly HashSet<string> _shards = new(StringComparer.Ordinal);
    private string _folder = "";

    public async IAsyncEnumerable<SourceItem> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (key, group) = ((string?)null, new List<SourceFile>());
        await foreach (var file in files.List(cancellationToken))
        {
            var next = FileNames.Key(file.Name);
            if (next != key)
            {
                await foreach (var item in Items(group, cancellationToken))
                    yield return item;
                group.Clear();
                key = next;
            }

            group.Add(file);
        }

        await foreach (var item in Items(group, cancellationToken))
            yield return item;
    }

    private async IAsyncEnumerable<SourceItem> Items(List<SourceFile> group, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (group.Count == 0)
            yield break;
        Enter(FileNames.Folder(group[0].Name));
        var hasTar = false;
        foreach (var tar in group.Where(file => FileNames.Kind(file.Name) == FileKind.Tar))
            hasTar |= _shards.Add(FileNames.Stem(tar.Name));
        var sidecars = group.Where(file => IsSidecar(file.Name)).ToLookup(file => FileNames.Stem(file.Name), StringComparer.Ordinal);
        var claimed = new HashSet<string>(StringComparer.Ordinal);
        var owners = group.Where(file => FileNames.Kind(file.Name) is FileKind.Image || (FileNames.Kind(file.Name) is FileKind.Other && !hasTar)).ToArray();
        foreach (var owner in owners)
        {
            _stems.Add(FileNames.Stem(owner.Name));
            claimed.UnionWith(Of(owner).Select(file => file.Name));
        }

        foreach (var file in group)
        {
            switch (FileNames.Kind(file.Name))
            {
                case FileKind.Tar:
                    await foreach (var item in _tars.List(file.Name, cancellationToken))
                        yield return item;
                    break;
                case FileKind.PackedTar:
                    yield return TarItems.Packed(file.Name);
                    break;
                case FileKind.CaptionTextReader or FileKind.CaptionJson:
                    if (!claimed.Contains(file.Name) && !hasTar && !IsList(file.Name))
                        yield return new SourceItem { Name = file.Name, Reason = Reasons.MissingImage, Message = "A sidecar without an image of the same name." };
                    break;
                case FileKind.Image:
                case FileKind.Other when !hasTar:
                    var parts = Of(file).Select(part => new SourcePart(part.Name, part.Name, 0, part.Length)).ToArray();
                    yield return new SourceItem { Name = file.Name, File = file.Name, Length = file.Length, Sidecars = parts.Length == 0 ? null : parts };
                    break;
            }
        }

        // a.txt and a.jpg.txt both tell of a.jpg.
        IEnumerable<SourceFile> Of(SourceFile owner) => sidecars[FileNames.Stem(owner.Name)].Concat(sidecars[owner.Name]);
    }

    private void Enter(string folder)
    {
        if (folder == _folder)
            return;
        _folder = folder;
        _stems.Clear();
        _shards.Clear();
    }

    private static bool IsSidecar(string name) => FileNames.Kind(name) is FileKind.CaptionTextReader or FileKind.CaptionJson;

    /// <summary>
    /// A shard list, the list of Sana's folder form, or <c>{shard}_{label}.json</c> and <c>{image}_{label}.json</c>, which hold captions or scores of models.
    /// </summary>
    private bool IsList(string name)
    {
        if (name[_folder.Length..] is "wids-meta.json" or "meta_data.json")
            return true;
        if (FileNames.Kind(name) != FileKind.CaptionJson)
            return false;
        for (var cut = name.IndexOf('_', _folder.Length); cut >= 0; cut = name.IndexOf('_', cut + 1))
        {
            if (_shards.Contains(name[..cut]) || _stems.Contains(name[..cut]))
                return true;
        }

        return false;
    }
}
