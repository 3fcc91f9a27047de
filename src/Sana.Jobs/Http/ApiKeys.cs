using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Jobs.Http;

/// <summary>The keys that open the API. Only their hashes are kept; every key is compared in full, so the time says nothing about which was nearly right.</summary>
public sealed class ApiKeys
{
    private const int Shortest = 16;

    private readonly byte[][] _hashes;

    private ApiKeys(byte[][] hashes)
    {
        _hashes = hashes;
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData([.. hashes.SelectMany(hash => hash)]))[..32];
    }

    /// <summary>True when no key is asked for.</summary>
    public bool IsOpen => _hashes.Length == 0;

    /// <summary>Another one whenever a key is added or taken away; says nothing about the keys.</summary>
    public string Fingerprint { get; }

    /// <summary>Reads keys; several, parted by commas, let one be replaced while the other still works.</summary>
    /// <param name="keys">Null or empty for an open API.</param>
    /// <exception cref="SanaException">A key is shorter than 16 characters or not visible ASCII.</exception>
    public static ApiKeys Parse(string? keys)
    {
        var list = (keys ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return Array.TrueForAll(list, key => key.Length >= Shortest && !key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            ? new ApiKeys(Array.ConvertAll(list, Hash))
            : throw new SanaException($"An API key has at least {Shortest} visible ASCII characters, such as the output of: openssl rand -hex 32");
    }

    /// <summary>Whether a request with these header values may pass: <c>Authorization: Bearer …</c>, or <c>api-key</c> as Azure's clients send it.</summary>
    public bool Accepts(string? authorization, string? apiKey)
    {
        if (IsOpen)
            return true;
        const string scheme = "Bearer ";
        var shown = authorization?.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) == true ? authorization[scheme.Length..].Trim() : apiKey;
        if (string.IsNullOrEmpty(shown))
            return false;
        var hash = Hash(shown);
        var found = false;
        foreach (var known in _hashes)
            found |= CryptographicOperations.FixedTimeEquals(known, hash);
        return found;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

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

    /// <summary>A token that <see cref="Accepts"/> takes for the same subject until its life is over: <c>expires.signature</c>.</summary>
    public string Token(string subject, TimeSpan life)
    {
        var expires = clock.GetUtcNow().Add(life).ToUnixTimeSeconds();
        return string.Create(CultureInfo.InvariantCulture, $"{expires}.{Base64Url.EncodeToString(Sign(subject, expires))}");
    }

    /// <summary>What is left of the life of a token of this subject; null when it is none, or over.</summary>
    public TimeSpan? Accepts(string subject, string? token) => token?.Split('.') is [var expires, var signature] && Opens(subject, expires, signature)
        ? DateTimeOffset.FromUnixTimeSeconds(long.Parse(expires, CultureInfo.InvariantCulture)) - clock.GetUtcNow()
        : null;

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
