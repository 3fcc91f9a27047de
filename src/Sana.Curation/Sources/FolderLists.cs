using System.Runtime.CompilerServices;
using System.Text.Json;
using Sana.Curation.Sources.Manifests;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>The tables, lists and documents of a folder that tell of images.</summary>
internal sealed class FolderLists(ISourceFiles files, SourceOptions options, SourceTally tally, FolderSurvey survey, string? only)
{
    /// <summary>Bytes of a JSON document: 512 MiB.</summary>
    public const long MostJson = 512L << 20;

    // Documents and texts that are no sidecars; and those that said something of images.
    private readonly HashSet<string> _documents = new(StringComparer.Ordinal);
    private readonly HashSet<string> _readDocuments = new(StringComparer.Ordinal);

    /// <value>What they say of the folder's files.</value>
    public Annotations Annotations { get; } = new();

    /// <summary>Whether a document told of images.</summary>
    public bool IsRead(string name) => _readDocuments.Contains(name);

    /// <summary>Whether a document is about something else.</summary>
    public bool IsOther(string name) => _documents.Contains(name);

    /// <summary>Reads tables and documents: what they say of files waits for these; rows that need no file are items.</summary>
    public async IAsyncEnumerable<SourceItem> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var table in survey.Tables.Where(_ => only is null))
        {
            if (survey.ShardOf(table.Name) is not null || survey.IsOfFolder(table.Name))
                tally.LeftOut("table beside the images that it lists");
            else
            {
                await foreach (var item in Table(table.Name, cancellationToken))
                    yield return item;
            }
        }

        foreach (var document in survey.Documents.Where(document => only is null || document.Name == only))
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
                Annotations.Add(item.Item, item.Place);
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
        await using (var stream = await OpenOrNull(files, file.Name, cancellationToken))
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
            yield return new SourceItem
            {
                Name = file.Name,
                Reason = Reasons.TooManyBytes,
                Message = $"The document has {file.Length} bytes; at most {MostJson} are read: save it as JSON lines (.jsonl)."
            };
            yield break;
        }

        var json = (JsonDocument?)null;
        await using (var stream = await OpenOrNull(files, file.Name, cancellationToken))
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
            if (json is null || Judge(json.RootElement) is not { } document)
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
                    row = rows.Current.Reason is null ? items.Read(file.Name, name, rows.Current)
                        : (new SourceItem { Name = name, Reason = rows.Current.Reason, Message = rows.Current.Message }, null);
                }
                catch (InvalidOperationException)
                {
                    // Half a surrogate pair in an escape is no text.
                    isBad = true;
                }

                if (isBad)
                {
                    yield return new SourceItem
                    {
                        Name = $"{file.Name}#{number}",
                        Reason = Reasons.BadRow,
                        Message = "A text of the document is none; the rest of it is left out."
                    };
                    yield break;
                }

                if (row.Place is not null && (row.Item.Reason is null || row.Item.Reason == Reasons.UnsafeMember))
                    Annotations.Add(row.Item, row.Place);
                else
                    yield return row.Item;
            }
        }
    }

    private (string Kind, IEnumerable<ManifestRow> Rows)? Judge(JsonElement root)
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

    public static async Task<Stream?> OpenOrNull(ISourceFiles files, string name, CancellationToken cancellationToken)
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
