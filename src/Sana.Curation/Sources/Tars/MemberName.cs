namespace Sana.Curation.Sources.Tars;

/// <summary>Which names may stand in a tar or a manifest: paths that stay below their root on every system.</summary>
internal static class MemberName
{
    private const int MaxLength = 1024;

    /// <summary>The name without <c>./</c> and double slashes, or what is wrong with it.</summary>
    public static (string? Name, string? Fault) Check(string name)
    {
        if (name.Length is 0 or > MaxLength)
            return (null, $"its name has {name.Length} characters; a name has 1…{MaxLength}");
        if (name.Any(char.IsControl))
            return (null, "its name has a control character");
        if (name.Contains('\\', StringComparison.Ordinal) || (name.Length > 1 && name[1] == ':'))
            return (null, "its name has a backslash or a drive");
        if (name[0] == '/')
            return (null, "its name is absolute");
        var parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (parts.Contains(".."))
            return (null, "its name climbs out of the folder");
        return parts.Length == 0 ? (null, "its name names nothing") : (string.Join('/', parts), null);
    }
}
