using System.Text.RegularExpressions;

namespace Sana.Inference.Clip;

/// <summary>A checkpoint's name as part of a column's name: <c>openai/clip-vit-large-patch14</c> is <c>openai-vit-l-14</c>, as open_clip and its users call it.</summary>
internal static partial class ClipName
{
    public const int MaxLength = 64;

    /// <summary>Lower-case letters, digits and single hyphens; <c>clip</c> for a name that has none of them.</summary>
    public static string Of(string checkpoint)
    {
        var name = Other().Replace(checkpoint.ToLowerInvariant(), "-").Trim('-');
        name = Architecture().Replace(name, match => $"vit-{match.Groups["size"].Value[0]}-{match.Groups["patch"].Value}");
        name = Prefix().Replace(name, "").Trim('-');
        name = name.Length <= MaxLength ? name : name[..MaxLength].Trim('-');
        return name.Length > 0 ? name : "clip";
    }

    /// <summary>Whether a name given by somebody may be part of a column's name.</summary>
    public static bool IsValid(string name) => name.Length <= MaxLength && Valid().IsMatch(name);

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex Other();

    [GeneratedRegex("vit-(?<size>base|large|huge)-patch(?<patch>[0-9]+)")]
    private static partial Regex Architecture();

    [GeneratedRegex(@"(?<=^|-)clip-(?=vit-)")]
    private static partial Regex Prefix();

    [GeneratedRegex(@"^[a-z0-9]+(-[a-z0-9]+)*\z")]
    private static partial Regex Valid();
}
