using System.Security.Cryptography;

namespace Sana.Acceptance.Support;

/// <summary>A folder's files as lines of name and SHA-256, in ordinal order.</summary>
internal static class Tree
{
    public static string[] Of(string folder) => [.. Names(folder).Select(name => Line(name, File.ReadAllBytes(Path.Combine(folder, name))))];

    public static string[] Names(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(folder, file))
        .Order(StringComparer.Ordinal)];

    public static string Line(string name, byte[] bytes) => $"{name} {Convert.ToHexStringLower(SHA256.HashData(bytes))}";
}
