using System.Text.Json;
using Sana.Curation.Sources.Tars;

namespace Sana.Curation.Sources.Manifests;

/// <summary>A row as an item. Columns that need not be there refuse no row: what they have of the wrong kind is left out and noted.</summary>
internal sealed class RowItem(SourceOptions options, CaptionTextReader texts, SourceTally tally, string? root)
{
    private readonly CaptionFields _fields = options.Fields();

    /// <summary>The item, and the image's place as the row has it.</summary>
    /// <param name="manifest">The manifest's name in the source.</param>
    /// <param name="name">The item's name.</param>
    /// <param name="row">A good row.</param>
    public (SourceItem Item, string? Place) Read(string manifest, string name, ManifestRow row)
    {
        var notes = new List<string>();
        var captions = Captions(row, notes);
        var (sha256, md5) = (Hash(row, Column.Sha256, 64, notes) ?? Hash(row, Column.Hash, 64, null), Hash(row, Column.Md5, 32, notes));
        var item = new SourceItem
        {
            Name = name,
            Captions = captions.Count == 0 ? null : captions,
            Sha256 = sha256,
            Md5 = sha256 is null ? md5 : null,
            Licence = Texts(row, Column.Licence, notes).Select(licence => CaptionSidecar.Short(texts.Clean(licence).Text))
                .FirstOrDefault(licence => licence is not null),
            Cell = row.Cell,
        };
        var (path, url, key) = (Texts(row, Column.Path, null).FirstOrDefault(), Texts(row, Column.Url, null).FirstOrDefault(), Texts(row, Column.Key, null)
            .FirstOrDefault());
        item = item with { Notes = notes.Count == 0 ? null : notes };
        if (path is not null && IsAddress(path))
            (path, url) = (null, path);
        if (path is null && url is null && row.Cell is null)
            path = key;
        if (path is null)
        {
            if (url is not null || row.Cell is not null)
                return (item with { Url = url }, null);
            var wrong = row.Fields.FirstOrDefault(field => Columns.Of(field.Name).Column is Column.Path or Column.Url or Column.Key
                && (field.Value.Other is not null || field.Value.Texts is not null || field.Value.Bytes is not null));
            return wrong.Name is not null
                ? (Rejected(name, Reasons.WrongType,
                    $"The field {FileNames.Shown(wrong.Name)} of the row is {wrong.Value.Other ?? (wrong.Value.Texts is null ? "not UTF-8" : "a list")}; it takes text."), null)
                : (Rejected(name, Reasons.MissingImage, "The row names no image."), null);
        }

        var (file, fault) = ManifestPath.Resolve(manifest, path, root);
        return file is not null ? (item with { File = file, Url = url }, path)
            : url is not null || row.Cell is not null ? (item with { Url = url }, path)
            : (item with { Reason = Reasons.UnsafeMember, Message = fault }, path);
    }

    private List<SourceCaption> Captions(ManifestRow row, List<string> notes)
    {
        var found = new List<SourceCaption>();
        if (row.Captions is { } told)
        {
            foreach (var (text, field) in told)
                Add(texts.Clean(text), field);
            if (row.HasWrongCaption)
                Note(notes, Reasons.WrongType);
            return found;
        }

        foreach (var (rank, field) in row.Fields.Select(field => (Rank: _fields.Rank(field.Name), field)).Where(each => each.Rank is not null)
            .OrderBy(each => each.Rank))
        {
            if (rank >= CaptionFields.Weak && found.Count > 0)
            {
                tally.NotTaken(field.Name);
                continue;
            }

            var value = field.Value;
            foreach (var text in value.Texts ?? ListIn(value) ?? [])
                Add(texts.Clean(text), field.Name);
            if (value.Texts is not null || ListIn(value) is not null)
                continue;
            if (value.Bytes is { } bytes)
                Add(texts.Read(bytes.Span), field.Name);
            else if (value is { Other: null, Text: { } text })
                Add(texts.Clean(text), field.Name);
            else if (value.Other is not null)
                Note(notes, Reasons.WrongType);
        }

        if (found.Count == 0)
        {
            foreach (var field in row.Fields.Where(field => _fields.Rank(field.Name) is null && Columns.Of(field.Name).Column == Column.None
                && JsonCaptions.HasWords(field.Value.AsText())))
                tally.NotTaken(field.Name);
        }

        return found;

        void Add(Caption caption, string field)
        {
            if (caption.Text is not null)
                found.Add(new SourceCaption(caption.Text, field, caption.Encoding));
            if (caption.Note is not null)
                Note(notes, caption.Note);
        }
    }

    // A cell of CSV that holds a list as JSON has it.
    private static string[]? ListIn(FieldValue value)
    {
        if ((value.Bytes is { } bytes ? bytes.Length is 0 || bytes.Span[0] != '[' : value.Text is not ['[', ..]) || value.AsText() is not { } text)
            return null;
        try
        {
            return JsonSerializer.Deserialize<string[]>(text) is { Length: > 0 } list && list.All(item => item is not null) ? list : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The usable texts of the fields that mean a column, the best name first.</summary>
    private static IEnumerable<string> Texts(ManifestRow row, Column column, List<string>? notes)
    {
        foreach (var (_, value) in row.Fields.Select(field => (Of: Columns.Of(field.Name), field.Value)).Where(field => field.Of.Column == column)
            .OrderBy(field => field.Of.Rank).Select(field => (field.Of, field.Value)))
        {
            var isNumber = value is { Other: not null, Text: not null } && column is Column.Key or Column.Hash or Column.Licence;
            var text = value.Texts is [var only] && column == Column.Path ? only : value.Other is null || isNumber ? value.AsText() : null;
            if (!string.IsNullOrWhiteSpace(text))
                yield return text.Trim();
            else if (!value.IsNone && value.Text is not { Length: 0 } && notes is not null)
                Note(notes, Reasons.WrongType);
        }
    }

    private static string? Hash(ManifestRow row, Column column, int digits, List<string>? notes)
    {
        foreach (var text in Texts(row, column, notes))
        {
            var hash = text.StartsWith("sha256:", StringComparison.OrdinalIgnoreCase) ? text["sha256:".Length..] : text;
            if (hash.Length == digits && hash.All(char.IsAsciiHexDigit))
                return hash.ToLowerInvariant();
            if (notes is not null)
                Note(notes, Reasons.WrongType);
        }

        return null;
    }

    private static bool IsAddress(string place) => place.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        || place.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static void Note(List<string> notes, string code)
    {
        if (!notes.Contains(code))
            notes.Add(code);
    }

    private static SourceItem Rejected(string name, string reason, string message) => new() { Name = name, Reason = reason, Message = message };
}

/// <summary>The file that a manifest's row names: below the manifest's folder, however it is written.</summary>
internal static class ManifestPath
{
    /// <summary>The name in the source, or a sentence that says what is wrong with it.</summary>
    /// <param name="manifest">The manifest's name in the source.</param>
    /// <param name="place">As the row has it: with slashes of either kind, <c>./</c>, absolute, or as <c>file://</c>.</param>
    /// <param name="root">The source's folder on this machine; null when it is no folder.</param>
    public static (string? File, string? Fault) Resolve(string manifest, string place, string? root)
    {
        var folder = FileNames.Folder(manifest);
        var path = place;
        if (path.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
            path = Uri.TryCreate(path, UriKind.Absolute, out var address) && address is { IsFile: true, Host: "" or "localhost" } ? address.LocalPath : path;
        if (path.Contains("://", StringComparison.Ordinal))
            return (null, "The row names a place that is neither http(s) nor in the source.");
        path = path.Replace('\\', '/');
        if (path.StartsWith('/') && root is not null)
        {
            // The folder of the manifest as the row's writer saw it: the same place on this machine.
            var home = Path.TrimEndingDirectorySeparator(Path.Combine(root, folder)) + '/';
            if (path.StartsWith(home, StringComparison.Ordinal))
                path = path[home.Length..];
        }

        // A list in annotations/ may name ../images/a.jpg: what stays inside the source is ordinary.
        if (folder.Length > 0 && path.Split('/').Contains("..") && Collapsed(folder + path) is { } collapsed && MemberName.Check(collapsed).Name is { } within)
            return (within, null);
        var (inside, fault) = MemberName.Check(path);
        return inside is null ? (null, $"The row's file cannot be used: {fault}.") : (folder + inside, null);
    }

    private static string? Collapsed(string path)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/'))
        {
            if (part != "..")
                parts.Add(part);
            else if (parts.Count == 0)
                return null;
            else
                parts.RemoveAt(parts.Count - 1);
        }

        return string.Join('/', parts);
    }
}
