using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Sana.Storage.Hub;

/// <summary>A repository of the Hugging Face Hub, as people write it: <c>[hf:]owner/name</c> or <c>[hf:]owner/name@revision</c>.</summary>
/// <param name="Repository"><c>owner/name</c>, 96 characters at most each: letters, digits, <c>.</c>, <c>_</c> and <c>-</c>.</param>
/// <param name="Revision">A branch, a tag or a commit. Default <c>main</c>.</param>
public sealed partial record HubId(string Repository, string Revision = HubId.Main)
{
    /// <summary>What may stand before an id to say that no folder is meant.</summary>
    public const string Prefix = "hf:";

    /// <summary>The branch that is meant when none is named.</summary>
    public const string Main = "main";

    /// <value>Whether it is a dataset; else a model.</value>
    public bool IsDataset { get; private init; }

    /// <value>How addresses of the repository begin: <c>owner/name</c> or <c>datasets/owner/name</c>.</value>
    internal string Path => IsDataset ? $"datasets/{Repository}" : Repository;

    /// <value>How addresses of its API begin.</value>
    internal string Api => IsDataset ? $"api/datasets/{Repository}" : $"api/models/{Repository}";

    /// <value>Whether the revision is the whole hash of a commit, which never changes.</value>
    public bool IsCommit => IsHash(Revision);

    /// <summary>Whether a text is the hash of a commit.</summary>
    public static bool IsHash(string text) => Hash().IsMatch(text);

    /// <summary>Whether a text says that it is a repository, whatever its form is then.</summary>
    public static bool IsPrefixed(string? text) => text?.StartsWith(Prefix, StringComparison.Ordinal) == true;

    /// <summary>Reads the text, with <see cref="Prefix"/> or without; false when it has another form. Nothing is asked.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out HubId? id)
    {
        id = null;
        if (text is null || text.Contains("..", StringComparison.Ordinal) || Form().Match(IsPrefixed(text) ? text[Prefix.Length..] : text) is not { Success: true } match)
            return false;
        var (repository, revision) = (match.Groups["repository"].Value, match.Groups["revision"]);
        if (repository.Contains("--", StringComparison.Ordinal))
            return false;
        id = new HubId(repository, revision.Success ? revision.Value : Main);
        return true;
    }

    /// <summary>Reads <c>hf:datasets/owner/name[@revision]</c>; false when the text has another form. Nothing is asked.</summary>
    public static bool TryParseDataset(string? text, [NotNullWhen(true)] out HubId? id)
    {
        const string Datasets = Prefix + "datasets/";
        id = null;
        if (text?.StartsWith(Datasets, StringComparison.Ordinal) != true || !TryParse(text[Datasets.Length..], out var named) || IsPrefixed(text[Datasets.Length..]))
            return false;
        id = named with { IsDataset = true };
        return true;
    }

    /// <summary>Reads where a dataset is pushed to, <c>hf:[datasets/]owner/name[@branch]</c>; false when the text has another form. Nothing is asked.</summary>
    public static bool TryParseTarget(string? text, [NotNullWhen(true)] out HubId? id)
    {
        if (TryParseDataset(text, out id))
            return !id.IsCommit;
        // The first word of an address of the Hub that is a kind is no owner.
        if (!IsPrefixed(text) || !TryParse(text, out var named) || named.IsCommit || named.Repository.Split('/')[0] is "datasets" or "models" or "spaces")
            return false;
        id = named with { IsDataset = true };
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Revision == Main ? Path : $"{Path}@{Revision}";

    [GeneratedRegex(@"^(?<repository>[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?)(@(?<revision>[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}))?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex(@"^[0-9a-f]{40}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Hash();
}
