using System.Globalization;
using Sana.Tests.Support;

namespace Sana.Acceptance.Support;

/// <summary>Real photographs: cut-outs of animals, plants, food and things from Debian's <c>tuxpaint-stamps-default</c> (freely licensed), each with a caption. tests/all.sh unpacks them.</summary>
internal static class Photographs
{
    private static readonly string[] _subjects = ["animals", "food", "household", "plants", "seasonal", "town", "vehicles"];

    /// <summary>Copies the first so many into a folder; every third goes without its caption.</summary>
    public static void Fill(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        foreach (var (file, i) in All().Take(count).Select((file, i) => (file, i)))
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{i:000}-{Path.GetFileName(file)}");
            File.Copy(file, Path.Combine(folder, name));
            // The first line is English, the other lines are translations.
            if (i % 3 != 2 && Path.ChangeExtension(file, ".txt") is var text && File.Exists(text))
                File.WriteAllText(Path.Combine(folder, Path.ChangeExtension(name, ".txt")), File.ReadLines(text).First());
        }
    }

    private static IEnumerable<string> All()
    {
        var root = Path.Combine(Repository.Root, "artifacts/photographs/usr/share/tuxpaint/stamps");
        if (!Directory.Exists(root))
            throw new InvalidOperationException($"There are no photographs in {root}; run tests/all.sh, which unpacks Debian's tuxpaint-stamps-default there.");
        return _subjects.SelectMany(subject => Directory.EnumerateFiles(Path.Combine(root, subject), "*.png", SearchOption.AllDirectories))
            .Where(file => !file.Contains("_mirror", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
    }
}
