using System.Globalization;
using System.Text;

namespace Sana.Curation.Report;

/// <summary>A subset of a dataset, as <c>datasets.load_dataset</c> takes it by its name.</summary>
/// <param name="Name">Its name; <c>default</c> is loaded when none is given.</param>
/// <param name="Paths">Its files, as paths with wildcards from the card's folder. All of them are the split <c>train</c>.</param>
internal sealed record HubConfig(string Name, IReadOnlyList<string> Paths);

/// <summary>
/// The YAML at the head of a dataset card: what the Hub and <c>datasets</c> read. Nothing of a stranger's text goes into it but for a licence that is a known
/// identifier, or its letters and digits.
/// </summary>
internal static class HubMetadata
{
    private const int MostName = 64;

    // The identifiers of https://hf.co/docs/hub/repositories-licenses that data have.
    private static readonly HashSet<string> _licences =
    [
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "pddl", "odbl", "odc-by", "unlicense", "wtfpl", "gpl-2.0", "gpl-3.0", "lgpl-3.0",
        "openrail",
    ];

    /// <summary>The block with its three hyphens before and after.</summary>
    /// <param name="name">The dataset's name, of letters, digits, hyphens, dots and spaces.</param>
    /// <param name="facts">What is in it.</param>
    /// <param name="configs">Its subsets, the default one first; none where a reader finds the files by itself.</param>
    /// <param name="info">Lines of <c>dataset_info</c>; empty for none.</param>
    public static string Head(string name, DatasetFacts facts, IReadOnlyList<HubConfig> configs, string info = "")
    {
        var yaml = new StringBuilder("---\n");
        yaml.Append(CultureInfo.InvariantCulture, $"pretty_name: \"{name}\"\n");
        yaml.Append(Licence(facts));
        yaml.Append("task_categories:\n- text-to-image\n- image-to-text\n");
        yaml.Append(CultureInfo.InvariantCulture, $"size_categories:\n- {Size(facts.Images)}\n");
        yaml.Append(info);
        yaml.Append(configs.Count == 0 ? "" : "configs:\n");
        foreach (var (config, i) in configs.Select((config, i) => (config, i)))
        {
            yaml.Append(CultureInfo.InvariantCulture, $"- config_name: \"{config.Name}\"\n");
            yaml.Append(i == 0 ? "  default: true\n" : "");
            yaml.Append("  data_files:\n  - split: train\n    path:\n");
            foreach (var path in config.Paths)
                yaml.Append(CultureInfo.InvariantCulture, $"    - \"{path}\"\n");
        }

        return yaml.Append("---\n").ToString();
    }

    /// <summary>The Hub's classes of sizes.</summary>
    public static string Size(long images) => images switch
    {
        < 1_000 => "n<1K",
        < 10_000 => "1K<n<10K",
        < 100_000 => "10K<n<100K",
        < 1_000_000 => "100K<n<1M",
        < 10_000_000 => "1M<n<10M",
        < 100_000_000 => "10M<n<100M",
        < 1_000_000_000 => "100M<n<1B",
        _ => "1B<n<10B",
    };

    /// <summary>The one licence of all images by its identifier; <c>other</c> with a name where it has none, or where they differ; nothing where none is
    /// stated.</summary>
    private static string Licence(DatasetFacts facts)
    {
        var stated = facts.Licences.Keys.Where(licence => licence.Length > 0).ToArray();
        if (stated.Length == 0)
            return "";
        if (stated.Length > 1 || facts.Licences.ContainsKey("") || facts.OtherLicences > 0)
            return "license: other\nlicense_name: per-image\n";
        var slug = Slug(stated[0]);
        return slug == "cc0" ? "license: cc0-1.0\n"
            : _licences.Contains(slug) ? $"license: {slug}\n"
            : $"license: other\nlicense_name: \"{(slug.Length == 0 ? "stated-per-image" : slug)}\"\n";
    }

    private static string Slug(string licence)
    {
        var plain = string.Concat(licence.ToLowerInvariant().Select(letter => char.IsAsciiLetterOrDigit(letter) || letter == '.' ? letter : '-'));
        var parts = string.Join('-', plain.Split('-', StringSplitOptions.RemoveEmptyEntries));
        return (parts.Length > MostName ? parts[..MostName] : parts).Trim('-', '.');
    }
}
