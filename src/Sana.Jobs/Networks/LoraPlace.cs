using System.Globalization;
using Sana.GraphBuilder.Adapters;
using Sana.Inference.Diffusion;
using Sana.Storage;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;

namespace Sana.Jobs.Networks;

/// <summary>Where adapters (LoRA) are: a file or a folder of this machine, or <c>owner/name[@revision]</c> of the Hugging Face Hub; and how people name them in requests.</summary>
public static class LoraPlace
{
    private const int MostInName = 64;

    /// <summary>Reads <c>place[:weight]</c>, or <c>name[:weight]</c>. Nothing is asked.</summary>
    /// <returns>The place, and the weight, 1 where none is given.</returns>
    public static (string Place, float Weight) Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var at = text.LastIndexOf(':');
        return at > 0 && float.TryParse(text.AsSpan(at + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) ? (text[..at], weight) : (text, 1);
    }

    /// <summary>What an adapter is called whose place alone is given: its file or folder, or the repository.</summary>
    public static string NameOf(string place)
    {
        if (CheckpointPlace.IsRepository(place))
            return place;
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(place));
        return Directory.Exists(path) ? Path.GetFileName(path) : Path.GetFileNameWithoutExtension(path);
    }

    /// <summary>Why the text is no place; null when it is one. Nothing is asked.</summary>
    public static string? Fault(string place) => Path.Exists(place) || CheckpointPlace.IsRepository(place)
        ? null
        : $"There is no adapter '{place}', and that is no repository of the Hugging Face Hub either; give a .safetensors file, a folder that holds one, or owner/name[@revision].";

    /// <summary>Refuses names under which no request can ask for an adapter or a control network.</summary>
    /// <param name="names">As they are in a configuration, or as files and folders are called.</param>
    /// <param name="kind">What they are for, for messages.</param>
    /// <exception cref="SanaException">One is too long or has other letters.</exception>
    public static void CheckNames(IEnumerable<string> names, string kind = "an adapter")
    {
        ArgumentNullException.ThrowIfNull(names);
        foreach (var name in names)
        {
            if (name.Length is 0 or > MostInName || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.'))
                throw new SanaException($"'{(name.Length > 80 ? name[..80] + "…" : name)}' is no name for {kind}: it takes letters, digits, hyphens, underscores and dots, 1…{MostInName} characters.");
        }
    }

    /// <summary>The adapter of a place; downloads what is missing of a repository.</summary>
    /// <exception cref="GraphBuilder.CheckpointException">It is damaged, of another method, or not known here.</exception>
    /// <exception cref="SanaException">The repository cannot be had.</exception>
    public static async Task<LoraFile> Open(string place, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(place);
        if (CheckpointPlace.Repository(place) is { } id)
        {
            place = await HubRepository.Fetch(
                id,
                (names, _) => LoraFile.Choose(names) is { } file
                    ? [file, .. names.Where(name => name == "adapter_config.json")]
                    : throw new GraphBuilder.CheckpointException($"{id} holds no adapter that can be told from its other files; download its file and give that."),
                HubSettings.FromEnvironment(),
                progress,
                cancellationToken);
        }

        return await Task.Run(() => LoraFile.Open(place), cancellationToken);
    }

    /// <summary>The places of adapters by name: those that are named, and those in a place of blobs, each .safetensors file and each folder of it.</summary>
    /// <exception cref="SanaException">The blobs cannot be read, or hold a name that cannot be asked for.</exception>
    internal static async Task<IReadOnlyDictionary<string, string>> All(IReadOnlyDictionary<string, string> named, string? blobs, CancellationToken cancellationToken)
    {
        if (blobs is null)
            return named;
        var folder = await Fetched("sana-loras", blobs, cancellationToken);
        string[] places = [.. Directory.EnumerateFiles(folder, "*.safetensors"), .. Directory.EnumerateDirectories(folder)];
        var byName = places.GroupBy(NameOf, StringComparer.Ordinal).ToDictionary(
            group => group.Key,
            group => group.Count() == 1 ? group.Single() : throw new SanaException($"{blobs} has both a file and a folder of the adapter '{group.Key}'; keep one of them."),
            StringComparer.Ordinal);
        CheckNames(byName.Keys);
        return Both(named, byName);
    }

    /// <summary>A folder of this machine with all that a place of blobs holds.</summary>
    internal static async Task<string> Fetched(string kind, string blobs, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(Path.GetTempPath(), kind, Digest.Sha256(blobs)[..16]);
        Directory.CreateDirectory(folder);
        await Weights.Fetch(await BlobPlace.Parse(blobs).Open(cancellationToken), folder, cancellationToken);
        return folder;
    }

    /// <summary>Both, by name; a name that is in both is the first's.</summary>
    internal static IReadOnlyDictionary<string, string> Both(IReadOnlyDictionary<string, string> first, IReadOnlyDictionary<string, string> second) =>
        first.Concat(second.Where(place => !first.ContainsKey(place.Key))).ToDictionary(place => place.Key, place => place.Value, StringComparer.Ordinal);

    internal static Adapter Usable(string name, LoraFile file) => new(
        name, file.Sha256, () => [.. file.Read().Select(layer => new AdapterLayer(layer.Name, layer.Rank, layer.Scale, layer.A, layer.B, layer.Bias))]);
}
