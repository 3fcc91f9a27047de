using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Jobs.Http;

/// <summary>Links that open one blob for a while without a key, as a shared access signature does: OpenAI's clients fetch an image's <c>url</c> with nothing but the URL.</summary>
public sealed class SignedLinks(byte[] key, TimeProvider clock)
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    /// <summary>The query that opens a blob, with its question mark.</summary>
    public string Query(string blob)
    {
        var expires = clock.GetUtcNow().Add(Life).ToUnixTimeSeconds();
        return string.Create(CultureInfo.InvariantCulture, $"?exp={expires}&sig={Base64Url.EncodeToString(Sign(blob, expires))}");
    }

    /// <summary>Whether the values of a query open a blob now.</summary>
    public bool Opens(string blob, string? exp, string? sig)
    {
        if (!long.TryParse(exp, NumberStyles.None, CultureInfo.InvariantCulture, out var expires) || expires < clock.GetUtcNow().ToUnixTimeSeconds())
            return false;
        Span<byte> shown = stackalloc byte[32];
        return sig?.Length == 43
            && Base64Url.IsValid(sig)
            && Base64Url.TryDecodeFromChars(sig, shown, out var length)
            && CryptographicOperations.FixedTimeEquals(shown[..length], Sign(blob, expires));
    }

    private byte[] Sign(string blob, long expires) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{expires}\n{blob}")));
}
