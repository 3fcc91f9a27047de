using System.Runtime.CompilerServices;
using System.Text.Json;
using Sana.Curation.Ingest;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// The items of a folder, prefix or zip. First the rows of its tables that hold images or addresses; then every image with its sidecars and with what lists
/// say of it, and the members of its tars and zips; last what lists
/// name and nobody has. Everything else is counted. Files that share WebDataset's key stand together in ordinal order, so one key's files are held at a
/// time, and of lists what they say.
/// </summary>
/// <param name="files">The place.</param>
/// <param name="options">Limits.</param>
/// <param name="tally">Counts what is met.</param>
/// <param name="only">The one JSON document whose images are the items; null for everything.</param>
/// <param name="packed">Opens what is packed.</param>
internal sealed class FolderItems(ISourceFiles files, SourceOptions options, SourceTally tally, string? only, PackedFiles packed)
{
    private readonly TarItems _tars = new(files, tally, options.Fields());
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly List<SourceItem> _orphans = [];
    private FolderSurvey _survey = null!;
    private FolderLists _lists = null!;

    public async IAsyncEnumerable<SourceItem> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _survey = await FolderSurvey.Of(files, cancellationToken);
        _lists = new FolderLists(files, options, tally, _survey, only);
        await foreach (var item in _lists.Read(cancellationToken))
            yield return item;

        var (key, group, faults) = ((string?)null, new List<SourceFile>(), new List<SourceItem>());
        await foreach (var file in files.List(cancellationToken))
        {
            if (file.LeftOut is { } what)
            {
                if (LeftOut(file.Name, what) is { } row)
                    faults.Add(row);
                continue;
            }

            if (_survey.IsPassedOver(file.Name) is { } passed)
            {
                tally.LeftOut(passed);
                continue;
            }

            tally.Listed(file);
            var next = FileNames.Key(file.Name);
            if (next != key)
            {
                await foreach (var item in Items(group, cancellationToken))
                    yield return item;
                foreach (var fault in faults)
                    yield return fault;
                group.Clear();
                faults.Clear();
                key = next;
            }

            group.Add(file);
        }

        await foreach (var item in Items(group, cancellationToken))
            yield return item;
        foreach (var item in faults.Concat(_lists.Annotations.Left).Concat(_orphans.Where(orphan => !_taken.Contains(orphan.Name))))
            yield return item;
    }

    private async IAsyncEnumerable<SourceItem> Items(List<SourceFile> group, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (group.Count == 0)
            yield break;
        var stems = new HashSet<string>(StringComparer.Ordinal);
        var images = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in group.Where(file => FileNames.Kind(file.Name) is FileKind.Image or FileKind.Other))
        {
            if (FileNames.Kind(file.Name) == FileKind.Image || (FileNames.Ending(file.Name).Length == 0 && await IsImage(file, cancellationToken)))
            {
                images.Add(file.Name);
                stems.Add(FileNames.Stem(file.Name));
            }
        }

        var sidecars = group.Where(file => FileNames.Kind(file.Name) is FileKind.CaptionText or FileKind.CaptionJson)
            .Select(file => (File: file, Owner: Stems.Owner(file.Name, stems.Contains))).Where(sidecar => sidecar.Owner is { Field: null })
                .ToLookup(sidecar => sidecar.Owner!.Value.Stem, sidecar => sidecar.File, StringComparer.Ordinal);
        foreach (var file in group)
        {
            switch (FileNames.Kind(file.Name))
            {
                case FileKind.Tar or FileKind.GzipTar when only is null:
                    var captions = await ShardCaptions(file.Name, cancellationToken);
                    await foreach (var item in _tars.List(file.Name, captions, cancellationToken))
                        yield return item;
                    break;
                case FileKind.PackedTar when only is null:
                    yield return TarItems.Packed(file.Name);
                    break;
                case FileKind.Zip when only is null:
                    await foreach (var item in Zip(file.Name, cancellationToken))
                        yield return item;
                    break;
                case FileKind.Image or FileKind.Other when images.Contains(file.Name):
                    if (Image(file, sidecars[FileNames.Stem(file.Name)]) is { } image)
                        yield return image;
                    break;
                case FileKind.CaptionText or FileKind.CaptionJson:
                    if (Orphan(file.Name, stems) is not { } orphan)
                        break;
                    if (System.Text.Ascii.IsValid(file.Name))
                        yield return orphan;
                    else
                        _orphans.Add(orphan);
                    break;
                case FileKind.Other when only is null:
                    PassOver(file.Name);
                    break;
            }
        }
    }

    private SourceItem? Image(SourceFile file, IEnumerable<SourceFile> sidecars)
    {
        var strays = _survey.Strays(file.Name).ToList();
        _taken.UnionWith(strays.Select(part => part.Name));
        SourcePart[] parts = [.. sidecars.Select(part => new SourcePart(part.Name, part.Name, 0, part.Length)).UnionBy(strays, part => part.Name)];
        var item = _lists.Annotations.With(new SourceItem
        {
            Name = file.Name,
            File = file.Name,
            Length = file.Length,
            Sidecars = parts.Length == 0 ? null
            : parts
        }, out var isNamed);
        if (only is not null && !isNamed)
            return null;
        if (!isNamed && only is null)
            tally.Read(parts.Length > 0 ? "images with captions beside them" : "images");
        return item;
    }

    /// <summary>The row of a sidecar that has no image; null when it has one, or is something else.</summary>
    private SourceItem? Orphan(string name, HashSet<string> stems)
    {
        if (only is not null || Stems.Owner(name, stems.Contains) is not null || _lists.IsRead(name) || _survey.IsStray(name))
            return null;
        if (FolderSurvey.IsKept(name) || _lists.IsOther(name) || _survey.ShardOf(name) is not null || WellKnown.IsOne(name))
        {
            tally.LeftOut("." + FileNames.Ending(name).ToLowerInvariant());
            return null;
        }

        return new SourceItem { Name = name, Reason = Reasons.MissingImage, Message = "A sidecar without an image of the same name." };
    }

    private async IAsyncEnumerable<SourceItem> Zip(string name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (files is ZipFolder)
        {
            tally.LeftOut("zip in a zip");
            yield break;
        }

        await foreach (var item in ListZip(packed, name, options, tally, cancellationToken))
            yield return item;
    }

    /// <summary>The items of a zip, under its name.</summary>
    public static IAsyncEnumerable<SourceItem> ListZip(PackedFiles packed, string name, SourceOptions options, SourceTally tally,
        CancellationToken cancellationToken)
    {
        tally.Read("zip");
        return ListingFault.AsItem(name, new FolderItems(new ZipFolder(packed, name), options, tally, null, packed).List(cancellationToken).Select(Within),
            cancellationToken);

        SourceItem Within(SourceItem item) => item with
        {
            Name = $"{name}!{item.Name}",
            File = item.File is null ? null : $"{name}!{item.File}",
            Cell = item.Cell is null ? null : item.Cell with { File = $"{name}!{item.Cell.File}" },
            Sidecars = item.Sidecars?.Select(part => part with { File = $"{name}!{part.File}" }).ToList(),
        };
    }

    private async Task<Dictionary<string, List<SourceCaption>>?> ShardCaptions(string tar, CancellationToken cancellationToken)
    {
        if (!_survey.ShardCaptions.TryGetValue(FileNames.Stem(tar).Replace(".tar", "", StringComparison.Ordinal), out var sidecars))
            return null;
        var (found, texts) = (new Dictionary<string, List<SourceCaption>>(StringComparer.Ordinal),
            new CaptionTextReader(options.Fallback(), options.MaxCaptionLength));
        foreach (var file in sidecars)
        {
            try
            {
                await using var stream = await files.Open(file.Name, cancellationToken);
                using var json = stream is null || file.Length > FolderLists.MostJson ? null
                    : await JsonDocument.ParseAsync(stream, default, cancellationToken);
                if (json?.RootElement.ValueKind != JsonValueKind.Object)
                    continue;
                foreach (var sample in json.RootElement.EnumerateObject().Where(sample => sample.Value.ValueKind == JsonValueKind.Object))
                {
                    foreach (var label in sample.Value.EnumerateObject().Where(label => label.Value.ValueKind == JsonValueKind.String))
                    {
                        if (texts.Clean(label.Value.GetString()!).Text is not { } text)
                            continue;
                        if (!found.TryGetValue(sample.Name, out var captions))
                            found[sample.Name] = captions = [];
                        captions.Add(new SourceCaption(text, label.Name, IsLabel: true));
                    }
                }
            }
            catch (Exception error) when (error is JsonException or IOException or InvalidOperationException or UnauthorizedAccessException)
            {
                tally.LeftOut("unreadable captions beside a tar");
            }
        }

        return found;
    }

    private SourceItem? LeftOut(string name, string what)
    {
        if (what is SourceFile.NotUtf8 or SourceFile.UnreadableFolder or SourceFile.UnsafeName or SourceFile.UnsafeLink or SourceFile.Twice && only is null)
        {
            return what switch
            {
                SourceFile.NotUtf8 => new SourceItem { Name = name, Reason = Reasons.Unreadable, Message = "The file's name is not UTF-8; rename it." },
                SourceFile.UnreadableFolder => new SourceItem
                {
                    Name = name,
                    Reason = Reasons.Unreadable,
                    Message = "The folder cannot be listed; check its rights and the disk."
                },
                SourceFile.Twice => new SourceItem
                {
                    Name = name + "@2",
                    Reason = Reasons.DuplicateMember,
                    Message = "A member of this name stands before it in the zip."
                },
                _ => new SourceItem
                {
                    Name = name,
                    Reason = Reasons.UnsafeMember,
                    Message = what == SourceFile.UnsafeLink ? "The member is a link."
                    : "The member's name leads out of the zip, or is no name."
                },
            };
        }

        tally.LeftOut(what);
        return null;
    }

    private void PassOver(string name)
    {
        var ending = FileNames.Ending(name).ToLowerInvariant();
        if (UnreadLayouts.Of(ending) is { } sentence)
            tally.Unread(sentence);
        else
            tally.LeftOut(ending.Length == 0 ? "file without an ending" : "." + ending);
    }

    private async Task<bool> IsImage(SourceFile file, CancellationToken cancellationToken)
    {
        await using var stream = await FolderLists.OpenOrNull(files, file.Name, cancellationToken);
        var head = new byte[12];
        return stream is not null && await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken) == head.Length
            && FileSignature.Read(head, "").IsImage;
    }
}
