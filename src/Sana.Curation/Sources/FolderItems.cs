using System.Runtime.CompilerServices;
using System.Text.Json;
using Sana.Curation.Ingest;
using Sana.Curation.Sources.Manifests;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// The items of a folder, prefix or zip. First the rows of its tables that hold images or addresses; then every image with its sidecars and with what lists say of it, and the members of its tars and zips; last what lists
/// name and nobody has. Everything else is counted. Files that share WebDataset's key stand together in ordinal order, so one key's files are held at a time, and of lists what they say.
/// </summary>
/// <param name="files">The place.</param>
/// <param name="options">Limits.</param>
/// <param name="tally">Counts what is met.</param>
/// <param name="only">The one JSON document whose images are the items; null for everything.</param>
/// <param name="packed">Opens what is packed.</param>
internal sealed class FolderItems(ISourceFiles files, SourceOptions options, SourceTally tally, string? only, PackedFiles packed)
{
    private const long MostJson = 512L << 20;

    private readonly TarItems _tars = new(files, tally);
    private readonly Annotations _annotations = new();

    // Documents and texts that are no sidecars; of these the ones that said something of images.
    private readonly HashSet<string> _documents = new(StringComparer.Ordinal);
    private readonly HashSet<string> _readDocuments = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly List<SourceItem> _orphans = [];
    private FolderSurvey _survey = null!;

    public async IAsyncEnumerable<SourceItem> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _survey = await FolderSurvey.Of(files, cancellationToken);
        await foreach (var item in Lists(cancellationToken))
            yield return item;

        var (key, group) = ((string?)null, new List<SourceFile>());
        await foreach (var file in files.List(cancellationToken))
        {
            if (file.LeftOut is { } what)
            {
                if (LeftOut(file.Name, what) is { } row)
                    yield return row;
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
                group.Clear();
                key = next;
            }

            group.Add(file);
        }

        await foreach (var item in Items(group, cancellationToken))
            yield return item;
        foreach (var item in _annotations.Left.Concat(_orphans.Where(orphan => !_taken.Contains(orphan.Name))))
            yield return item;
    }

    /// <summary>Reads tables and documents: what they say of files waits for these; rows that need no file are items.</summary>
    private async IAsyncEnumerable<SourceItem> Lists([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var table in _survey.Tables.Where(_ => only is null))
        {
            if (_survey.ShardOf(table.Name) is not null || _survey.IsOfFolder(table.Name))
                tally.LeftOut("table beside the images that it lists");
            else
            {
                await foreach (var item in Table(table.Name, cancellationToken))
                    yield return item;
            }
        }

        foreach (var document in _survey.Documents.Where(document => only is null || document.Name == only))
        {
            var rows = FileNames.Kind(document.Name) == FileKind.CaptionText ? Addresses(document, cancellationToken) : Document(document, cancellationToken);
            await foreach (var item in rows)
                yield return item;
        }
    }

    private async IAsyncEnumerable<SourceItem> Table(string name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (isRead, rows) = (false, new ManifestItems(files, options, tally, areKeysFiles: false).Rows(name, cancellationToken));
        await using var each = rows.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            (SourceItem Item, string? Place) item = (null!, null);
            SourceItem? fault = null;
            try
            {
                if (!await each.MoveNextAsync())
                    break;
                item = each.Current;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                fault = ListingFault.Of(name, error);
            }

            if (fault is not null)
            {
                yield return fault;
                yield break;
            }

            if (item.Item.Reason == Reasons.MissingColumn && item.Item.Name == name)
            {
                tally.LeftOut($"table without images ({FileNames.Last(name)})");
                continue;
            }

            isRead |= item.Item.Name != name;
            if (item.Place is not null && item.Item.Cell is null && (item.Item.Reason is null || item.Item.Reason == Reasons.UnsafeMember))
                _annotations.Add(item.Item, item.Place);
            else
                yield return item.Item;
        }

        if (isRead)
            tally.Read(ManifestItems.Kind(name));
    }

    /// <summary>A text with an address in its first line is a list of them; any other is a caption of nobody.</summary>
    private async IAsyncEnumerable<SourceItem> Addresses(SourceFile file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var head = new byte[8];
        await using (var stream = await OpenOrNull(file.Name, cancellationToken))
        {
            if (stream is null || await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken) < head.Length)
                yield break;
        }

        if (!head.AsSpan().StartsWith("http://"u8) && !head.AsSpan().StartsWith("https://"u8))
            yield break;
        _readDocuments.Add(file.Name);
        await foreach (var item in Table(file.Name, cancellationToken))
            yield return item;
    }

    private async IAsyncEnumerable<SourceItem> Document(SourceFile file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (file.Length > MostJson)
        {
            _readDocuments.Add(file.Name);
            yield return new SourceItem { Name = file.Name, Reason = Reasons.TooManyBytes, Message = $"The document has {file.Length} bytes; at most {MostJson} are read: save it as JSON lines (.jsonl)." };
            yield break;
        }

        var json = (JsonDocument?)null;
        await using (var stream = await OpenOrNull(file.Name, cancellationToken))
        {
            try
            {
                json = stream is null ? null : await JsonDocument.ParseAsync(stream, new JsonDocumentOptions { MaxDepth = 64 }, cancellationToken);
            }
            catch (Exception error) when (error is JsonException or IOException or InvalidOperationException)
            {
                // What is no JSON is nobody's sidecar either, which the listing says.
            }
        }

        using (json)
        {
            if (json is null || Read(json.RootElement) is not { } document)
            {
                if (json is not null && !HasCaption(json.RootElement))
                    _documents.Add(file.Name);
                yield break;
            }

            _readDocuments.Add(file.Name);
            tally.Read($"{document.Kind} ({FileNames.Last(file.Name)})");
            var items = new RowItem(options, new CaptionTextReader(options.Fallback(), options.MaxCaptionLength), tally, files.Folder);
            using var rows = document.Rows.GetEnumerator();
            for (var number = 1L; ; number++)
            {
                (SourceItem Item, string? Place) row = (null!, null);
                var isBad = false;
                try
                {
                    if (!rows.MoveNext())
                        break;
                    var name = $"{file.Name}#{rows.Current.Number}";
                    row = rows.Current.Reason is null ? items.Read(file.Name, name, rows.Current) : (new SourceItem { Name = name, Reason = rows.Current.Reason, Message = rows.Current.Message }, null);
                }
                catch (InvalidOperationException)
                {
                    // Half a surrogate pair in an escape is no text.
                    isBad = true;
                }

                if (isBad)
                {
                    yield return new SourceItem { Name = $"{file.Name}#{number}", Reason = Reasons.BadRow, Message = "A text of the document is none; the rest of it is left out." };
                    yield break;
                }

                if (row.Place is not null && (row.Item.Reason is null || row.Item.Reason == Reasons.UnsafeMember))
                    _annotations.Add(row.Item, row.Place);
                else
                    yield return row.Item;
            }
        }
    }

    private (string Kind, IEnumerable<ManifestRow> Rows)? Read(JsonElement root)
    {
        try
        {
            return AnnotationJson.Read(root, options.Fields(), tally);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private bool HasCaption(JsonElement root)
    {
        try
        {
            return root.ValueKind == JsonValueKind.Object && JsonCaptions.Of(root, options.Fields(), null, null).Count > 0;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private async IAsyncEnumerable<SourceItem> Items(List<SourceFile> group, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (group.Count == 0)
            yield break;
        var stems = new HashSet<string>(StringComparer.Ordinal);
        var images = new List<SourceFile>();
        foreach (var file in group.Where(file => FileNames.Kind(file.Name) is FileKind.Image or FileKind.Other))
        {
            if (FileNames.Kind(file.Name) == FileKind.Image || (FileNames.Ending(file.Name).Length == 0 && await IsImage(file, cancellationToken)))
            {
                images.Add(file);
                stems.Add(FileNames.Stem(file.Name));
            }
        }

        var sidecars = group.Where(file => FileNames.Kind(file.Name) is FileKind.CaptionText or FileKind.CaptionJson)
            .Select(file => (File: file, Owner: Stems.Owner(file.Name, stems.Contains))).Where(sidecar => sidecar.Owner is { Field: null }).ToLookup(sidecar => sidecar.Owner!.Value.Stem, sidecar => sidecar.File, StringComparer.Ordinal);
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
                case FileKind.Image or FileKind.Other when images.Contains(file):
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
        var item = _annotations.With(new SourceItem { Name = file.Name, File = file.Name, Length = file.Length, Sidecars = parts.Length == 0 ? null : parts }, out var isNamed);
        if (only is not null && !isNamed)
            return null;
        if (!isNamed && only is null)
            tally.Read(parts.Length > 0 ? "images with captions beside them" : "images");
        return item;
    }

    /// <summary>The row of a sidecar that has no image; null when it has one, or is something else.</summary>
    private SourceItem? Orphan(string name, HashSet<string> stems)
    {
        if (only is not null || Stems.Owner(name, stems.Contains) is not null || _readDocuments.Contains(name) || _survey.IsStray(name))
            return null;
        if (FolderSurvey.IsKept(name) || _documents.Contains(name) || _survey.ShardOf(name) is not null || WellKnown.IsOne(name))
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
    public static IAsyncEnumerable<SourceItem> ListZip(PackedFiles packed, string name, SourceOptions options, SourceTally tally, CancellationToken cancellationToken)
    {
        tally.Read("zip");
        return ListingFault.AsItem(name, new FolderItems(new ZipFolder(packed, name), options, tally, null, packed).List(cancellationToken).Select(Within), cancellationToken);

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
        var (found, texts) = (new Dictionary<string, List<SourceCaption>>(StringComparer.Ordinal), new CaptionTextReader(options.Fallback(), options.MaxCaptionLength));
        foreach (var file in sidecars)
        {
            try
            {
                await using var stream = await files.Open(file.Name, cancellationToken);
                using var json = stream is null || file.Length > MostJson ? null : await JsonDocument.ParseAsync(stream, default, cancellationToken);
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
                SourceFile.UnreadableFolder => new SourceItem { Name = name, Reason = Reasons.Unreadable, Message = "The folder cannot be listed; check its rights and the disk." },
                SourceFile.Twice => new SourceItem { Name = name + "@2", Reason = Reasons.DuplicateMember, Message = "A member of this name stands before it in the zip." },
                _ => new SourceItem { Name = name, Reason = Reasons.UnsafeMember, Message = what == SourceFile.UnsafeLink ? "The member is a link." : "The member's name leads out of the zip, or is no name." },
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
        await using var stream = await OpenOrNull(file.Name, cancellationToken);
        var head = new byte[12];
        return stream is not null && await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken) == head.Length && FileSignature.Read(head, "").IsImage;
    }

    private async Task<Stream?> OpenOrNull(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await files.Open(name, cancellationToken);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>Texts and documents that stand in many folders and are no captions.</summary>
internal static class WellKnown
{
    private static readonly HashSet<string> _names = new(StringComparer.OrdinalIgnoreCase)
    {
        "readme", "license", "licence", "copying", "notice", "requirements", "changelog", "classes", "labels", "categories", "contributing", "citation", "robots", "sample_prompts", "prompts", "train", "test", "val",
        "trainval", "index", "config", "package", "info", "metadata", "settings", "args",
    };

    public static bool IsOne(string name) => _names.Contains(FileNames.Stem(FileNames.Last(name)));
}

/// <summary>Layouts that are not read, with the way out.</summary>
internal static class UnreadLayouts
{
    public static string? Of(string ending) => ending switch
    {
        "mds" => ".mds of MosaicML Streaming (write the samples as WebDataset tars or Parquet)",
        "tfrecord" or "tfrecords" => ".tfrecord of TensorFlow (write the examples as WebDataset tars or Parquet)",
        "beton" => ".beton of FFCV (take the dataset that it was written from)",
        "mdb" or "lmdb" => ".mdb of LMDB (write the entries as WebDataset tars or Parquet)",
        "h5" or "hdf5" => ".h5 of HDF5 (write the images as files or Parquet)",
        "lance" => ".lance (write it as Parquet)",
        "rec" => ".rec of MXNet (write the records as WebDataset tars)",
        "feather" => ".feather (save it as Parquet)",
        "rar" or "7z" => "." + ending + " archive (unpack it)",
        "zst" or "xz" or "bz2" or "lz4" => "." + ending + " (unpack it, or pack it with gzip)",
        _ => null,
    };
}
