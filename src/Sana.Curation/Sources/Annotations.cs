using System.Text.Json;
using Sana.Curation.Sources.Manifests;

namespace Sana.Curation.Sources;

/// <summary>
/// What the lists of a folder say of its images, until each image takes what is said of it: by its path, or where the list names it from another folder or
/// machine by the end of its path.
/// </summary>
internal sealed class Annotations
{
    private readonly Dictionary<string, Annotation> _byFile = new(StringComparer.Ordinal);
    private readonly List<Annotation> _all = [];
    private Dictionary<string, Annotation?>? _byTail;

    /// <summary>Adds a row; rows of one image become one annotation with all captions.</summary>
    /// <param name="item">The row as an item.</param>
    /// <param name="place">The image as the row names it.</param>
    public void Add(SourceItem item, string place)
    {
        var key = Stems.Folded(item.File ?? place);
        if (_byFile.TryGetValue(key, out var there))
        {
            there.Add(item);
            return;
        }

        var annotation = new Annotation(item, place.Replace('\\', '/'));
        _byFile.Add(key, annotation);
        _all.Add(annotation);
    }

    /// <summary>An image with what is said of it.</summary>
    public SourceItem With(SourceItem image, out bool isNamed)
    {
        var found = Find(Stems.Folded(image.Name));
        isNamed = found is not null;
        if (found is null)
            return image;
        found.IsTaken = true;
        var (item, captions) = (found.Item, found.Captions);
        return image with
        {
            Captions = captions.Count == 0 ? image.Captions : [.. captions, .. image.Captions ?? []],
            Licence = item.Licence,
            Sha256 = item.Sha256,
            Md5 = item.Md5,
            Notes = item.Notes,
        };
    }

    /// <summary>The rows whose image is not among the files.</summary>
    public IEnumerable<SourceItem> Left => _all.Where(annotation => !annotation.IsTaken)
        .Select(annotation => annotation.Item with { Captions = annotation.Captions.Count == 0 ? null : annotation.Captions });

    private Annotation? Find(string name)
    {
        if (_all.Count == 0)
            return null;
        if (_byFile.TryGetValue(name, out var exact) || _byFile.TryGetValue(FileNames.Stem(name), out exact))
            return exact;
        _byTail ??= Tails();
        foreach (var tail in new[] { Tail(name, 2), Tail(FileNames.Stem(name), 2), Tail(name, 1), Tail(FileNames.Stem(name), 1) })
        {
            if (tail is not null && _byTail.TryGetValue(tail, out var found) && found is { IsTaken: false })
                return found;
        }

        return null;
    }

    // Null where several end alike.
    private Dictionary<string, Annotation?> Tails()
    {
        var tails = new Dictionary<string, Annotation?>(StringComparer.Ordinal);
        foreach (var annotation in _all)
        {
            foreach (var tail in new[] { Tail(Stems.Folded(annotation.Place), 2), Tail(Stems.Folded(annotation.Place), 1) })
            {
                if (tail is not null)
                    tails[tail] = tails.ContainsKey(tail) ? null : annotation;
            }
        }

        return tails;
    }

    private static string? Tail(string path, int parts)
    {
        var at = path.Length;
        for (var part = 0; part < parts; part++)
        {
            if (at == 0 || (at = path.LastIndexOf('/', at - 1)) < 0)
                return part == parts - 1 && parts == 1 ? path : null;
        }

        return path[(at + 1)..];
    }

    private sealed class Annotation(SourceItem first, string place)
    {
        private readonly List<SourceCaption> _captions = [.. first.Captions ?? []];

        public SourceItem Item { get; private set; } = first;

        public string Place => place;

        public List<SourceCaption> Captions => _captions;

        public bool IsTaken { get; set; }

        public void Add(SourceItem item)
        {
            _captions.AddRange(item.Captions ?? []);
            Item = Item with
            {
                Licence = Item.Licence ?? item.Licence,
                Sha256 = Item.Sha256 ?? item.Sha256,
                Md5 = Item.Md5 ?? item.Md5,
                Url = Item.Url
                ?? item.Url
            };
        }
    }
}

/// <summary>
/// A JSON document about many images: COCO's captions, LLaVA's conversations, kohya's metadata, a list of objects, or a map from files to captions.
/// </summary>
internal static class AnnotationJson
{
    private const int Probed = 20;

    private static readonly string[] _tags = ["tags", "tag"];

    /// <summary>What the document is, and its rows; null for one about something else.</summary>
    public static (string Kind, IEnumerable<ManifestRow> Rows)? Read(JsonElement root, CaptionFields fields, SourceTally tally)
    {
        switch (root.ValueKind)
        {
            case JsonValueKind.Array when HaveImages(root):
                return (root.EnumerateArray().Take(Probed).Any(row => row.TryGetProperty("conversations", out _)) ? "LLaVA conversations"
                    : "list of images in JSON", List(root, fields, tally));
            case JsonValueKind.Object when root.TryGetProperty("images", out var images) && images.ValueKind == JsonValueKind.Array
                && root.TryGetProperty("annotations", out var annotations)
                && annotations.ValueKind == JsonValueKind.Array:
                return annotations.EnumerateArray().Take(Probed).Any(each => each.ValueKind == JsonValueKind.Object
                    && JsonCaptions.Of(each, fields, null, null).Count > 0)
                    ? ("COCO captions", Coco(images, annotations, fields)) : null;
            case JsonValueKind.Object:
                foreach (var member in root.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.Array && HaveImages(member.Value)))
                    return ("list of images in JSON", List(member.Value, fields, tally));
                return IsMap(root, fields) ? ("kohya metadata", Map(root, fields)) : null;
            default:
                return null;
        }
    }

    private static bool HaveImages(JsonElement list)
    {
        var rows = list.EnumerateArray().Take(Probed).ToList();
        return rows.Count > 0 && rows.All(row => row.ValueKind == JsonValueKind.Object) && rows
            .Any(row => row.EnumerateObject().Any(property => IsPlace(property)));
    }

    private static bool IsPlace(JsonProperty property) => Columns.Of(property.Name).Column is Column.Path or Column.Url
        && (property.Value.ValueKind == JsonValueKind.String || (property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() == 1
            && property.Value[0].ValueKind == JsonValueKind.String));

    private static IEnumerable<ManifestRow> List(JsonElement list, CaptionFields fields, SourceTally tally)
    {
        var number = 0L;
        foreach (var row in list.EnumerateArray())
        {
            number++;
            if (row.ValueKind != JsonValueKind.Object)
                yield return ManifestRow.Fault(number, Reasons.BadRow, $"The row is {row.ValueKind}, not an object.");
            else if (row.EnumerateObject().Any(property => IsPlace(property)))
                yield return JsonlRows.Row(number, row, fields, tally);
            else
                tally.LeftOut("row without an image"); // of LLaVA's mixtures some conversations are text alone
        }
    }

    private static IEnumerable<ManifestRow> Coco(JsonElement images, JsonElement annotations, CaptionFields fields)
    {
        var captions = annotations.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.Object && each.TryGetProperty("image_id", out _))
            .ToLookup(each => each.GetProperty("image_id").ToString(), each => JsonCaptions.Of(each, fields, null, null), StringComparer.Ordinal);
        var number = 0L;
        foreach (var image in images.EnumerateArray())
        {
            number++;
            if (image.ValueKind != JsonValueKind.Object || !image.TryGetProperty("id", out var id))
            {
                yield return ManifestRow.Fault(number, Reasons.BadRow, "The image of the list is no object with an id.");
                continue;
            }

            var named = image.EnumerateObject().Where(property => Columns.Of(property.Name).Column is Column.Path or Column.Url
                && property.Value.ValueKind == JsonValueKind.String)
                .Select(property => new RowField(property.Name, new FieldValue(property.Value.GetString()))).ToList();
            yield return named.Count == 0
                ? ManifestRow.Fault(number, Reasons.MissingImage, "The image of the list has no file_name.")
                : new ManifestRow(number, named) { Captions = [.. captions[id.ToString()].SelectMany(each => each)] };
        }
    }

    // {"a.jpg": {"caption": …, "tags": …}}, {"a.jpg": "a caption"}, {"a.jpg": ["a caption", …]}; kohya leaves the ending off.
    private static bool IsMap(JsonElement root, CaptionFields fields)
    {
        var members = root.EnumerateObject().Take(Probed).ToList();
        return members.Count > 0 && members.All(member => member.Value.ValueKind switch
        {
            JsonValueKind.Object => member.Value.EnumerateObject().Any(inner => fields.Rank(inner.Name) is not null || _tags.Contains(inner.Name)),
            JsonValueKind.String or JsonValueKind.Array => FileNames.Kind(member.Name) == FileKind.Image,
            _ => false,
        });
    }

    private static IEnumerable<ManifestRow> Map(JsonElement root, CaptionFields fields)
    {
        var number = 0L;
        foreach (var member in root.EnumerateObject())
        {
            var captions = member.Value.ValueKind switch
            {
                JsonValueKind.Object => [.. JsonCaptions.Of(member.Value, fields, null, null), .. Tags(member.Value)],
                JsonValueKind.String => [(member.Value.GetString()!, "caption")],
                JsonValueKind.Array => [.. member.Value.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String)
                    .Select(each => (each.GetString()!, "caption"))],
                _ => new List<(string, string)>(),
            };
            yield return new ManifestRow(++number, [new RowField("path", new FieldValue(member.Name))]) { Captions = captions };
        }
    }

    private static IEnumerable<(string, string)> Tags(JsonElement value) => _tags.Where(name => value.TryGetProperty(name, out var tags)
        && tags.ValueKind == JsonValueKind.String)
        .Select(name => (value.GetProperty(name).GetString()!, "tags"));
}
