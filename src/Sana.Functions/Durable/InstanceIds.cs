using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Sana.Functions.Durable;

/// <summary>
/// Ids as Durable takes them: at most 100 characters, none of <c>/ \ # ?</c>, no <c>@</c> in front. What it does not take is written <c>~</c> and four hexadecimal digits; one that
/// is too long keeps its beginning and ends with its hash.
/// </summary>
internal static partial class InstanceIds
{
    private const int Longest = 100;
    private const int HashDigits = 40;

    public static string Encode(string id)
    {
        var encoded = Forbidden().Replace(id, found => string.Create(CultureInfo.InvariantCulture, $"~{(int)found.Value[0]:x4}"));
        return encoded.Length <= Longest
            ? encoded
            : $"{encoded[..(Longest - HashDigits - 1)]}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..HashDigits]}";
    }

    public static string Decode(string id) =>
        Escape().Replace(id, found => ((char)int.Parse(found.ValueSpan[1..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString());

    [GeneratedRegex(@"[/\\#?~]|\A@", RegexOptions.CultureInvariant)]
    private static partial Regex Forbidden();

    [GeneratedRegex("~[0-9a-f]{4}", RegexOptions.CultureInvariant)]
    private static partial Regex Escape();
}
