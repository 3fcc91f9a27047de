using System.Buffers;
using System.Security.Cryptography;

namespace Sana.Storage.Blobs;

/// <summary>
/// The names that every place takes alike: segments of A-Z a-z 0-9 . _ - @ = parted by single slashes. Ours are lower case but for the labels of captioners,
/// which trainers look for as they are spelled; no segment starts or ends with a dot, so none can climb out of the root or meet the folder's own hidden files.
/// </summary>
internal static class BlobName
{
    private const int MaxLength = 1024;
    private const int MaxSegment = 255;

    private static readonly SearchValues<char> Allowed = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@=");

    /// <exception cref="SanaException">The name is not allowed; the message says which rule it breaks.</exception>
    public static void Check(string name)
    {
        if (Fault(name) is { } fault)
            throw new SanaException($"The blob name '{Short(name)}' {fault}.");
    }

    /// <exception cref="SanaException">No allowed name starts like this.</exception>
    public static void CheckPrefix(string prefix)
    {
        // "runs/a/" and "runs/a-" are starts of names without being names: a letter at the end makes each one.
        if (prefix.Length > 0)
            Check(prefix + 'x');
    }

    public static bool IsValid(string name) => Fault(name) is null;

    private static string? Fault(string name)
    {
        if (name.Length is 0 or > MaxLength)
            return $"has {name.Length} characters; a name has 1…{MaxLength}";

        foreach (var range in name.AsSpan().Split('/'))
        {
            var segment = name.AsSpan(range);
            if (segment.Length is 0 or > MaxSegment)
                return $"has a segment of {segment.Length} characters; each has 1…{MaxSegment}";

            if (segment[0] == '.' || segment[^1] == '.')
                return "has a segment that starts or ends with a dot";

            if (segment.ContainsAnyExcept(Allowed))
                return "has a character other than A-Z, a-z, 0-9 and . _ - @ = /";
        }

        return null;
    }

    private static string Short(string name)
    {
        var visible = string.Concat(name.Take(80).Select(letter => char.IsControl(letter) ? '?' : letter));
        return name.Length > 80 ? visible + "…" : visible;
    }
}

/// <summary>Media types by a name's ending: the folder keeps none, so all places take it from here; and the checksum that all services know.</summary>
internal static class BlobContent
{
#pragma warning disable CA5351 // Content-MD5 is the header that the services define; it finds damage, it keeps no secret.
    public static byte[] Md5(ReadOnlySpan<byte> bytes) => MD5.HashData(bytes);
#pragma warning restore CA5351

    public static string Type(string name) => Path.GetExtension(name) switch
    {
        ".png" => "image/png",
        ".jpg" => "image/jpeg",
        ".webp" => "image/webp",
        ".json" => "application/json",
        ".jsonl" => "application/jsonl",
        ".txt" => "text/plain; charset=utf-8",
        ".md" => "text/markdown; charset=utf-8",
        ".html" => "text/html; charset=utf-8",
        ".tar" => "application/x-tar",
        ".parquet" => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    };
}
