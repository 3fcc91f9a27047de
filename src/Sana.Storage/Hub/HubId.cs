using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Sana.Storage.Hub;

/// <summary>A model repository of the Hugging Face Hub, as people write it: <c>owner/name</c> or <c>owner/name@revision</c>.</summary>
/// <param name="Repository"><c>owner/name</c>, 96 characters at most each: letters, digits, <c>.</c>, <c>_</c> and <c>-</c>.</param>
/// <param name="Revision">A branch, a tag or a commit. Default <c>main</c>.</param>
public sealed partial record HubId(string Repository, string Revision = HubId.Main)
{
    /// <summary>The branch that is meant when none is named.</summary>
    public const string Main = "main";

    /// <value>Whether the revision is the whole hash of a commit, which never changes.</value>
    public bool IsCommit => IsHash(Revision);

    /// <summary>Whether a text is the hash of a commit.</summary>
    public static bool IsHash(string text) => Hash().IsMatch(text);

    /// <summary>Reads the text; false when it has another form. Nothing is asked.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out HubId? id)
    {
        id = null;
        if (text is null || text.Contains("..", StringComparison.Ordinal) || Form().Match(text) is not { Success: true } match)
            return false;
        var (repository, revision) = (match.Groups["repository"].Value, match.Groups["revision"]);
        if (repository.Contains("--", StringComparison.Ordinal))
            return false;
        id = new HubId(repository, revision.Success ? revision.Value : Main);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Revision == Main ? Repository : $"{Repository}@{Revision}";

    [GeneratedRegex(@"^(?<repository>[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?)(@(?<revision>[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}))?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex(@"^[0-9a-f]{40}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Hash();
}
