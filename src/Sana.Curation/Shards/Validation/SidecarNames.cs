using Sana.Curation.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>The suffixes of the json files beside tars: what could stand in the loader's configuration.</summary>
internal sealed class SidecarNames
{
    private const string ScoreEnding = "_clip_score";
    private const int Most = 100;

    public SidecarNames(IReadOnlyList<string> tars, IEnumerable<string> files)
    {
        var stems = tars.Select(FileNames.Stem).ToHashSet(StringComparer.Ordinal);
        var suffixes = files.Where(file => FileNames.Kind(file) == FileKind.CaptionJson)
            .Select(file => Suffix(FileNames.Stem(file), stems))
            .OfType<string>().Where(suffix => suffix != "_stats").Distinct().Order(StringComparer.Ordinal).Take(Most).ToArray();
        Captions = [.. suffixes.Where(suffix => !suffix.EndsWith(ScoreEnding, StringComparison.Ordinal))];
        Scores = [.. suffixes.Where(suffix => suffix.EndsWith(ScoreEnding, StringComparison.Ordinal))];
    }

    public IReadOnlyList<string> Captions { get; }

    public IReadOnlyList<string> Scores { get; }

    /// <summary>What follows the longest stem that a file begins with; null when it begins with none.</summary>
    private static string? Suffix(string file, HashSet<string> stems)
    {
        if (stems.Contains(file))
            return "";
        for (var at = file.LastIndexOf('_'); at > 0; at = file.LastIndexOf('_', at - 1))
        {
            if (stems.Contains(file[..at]))
                return file[at..];
        }

        return null;
    }
}
