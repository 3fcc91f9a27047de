using System.Security.Cryptography;
using System.Text;

namespace Sana.Jobs.Http;

/// <summary>The keys that open the API. Only their hashes are kept; every key is compared in full, so the time says nothing about which was nearly right.</summary>
public sealed class ApiKeys
{
    private const int Shortest = 16;

    private readonly byte[][] _hashes;

    private ApiKeys(byte[][] hashes) => _hashes = hashes;

    /// <summary>True when no key is asked for.</summary>
    public bool IsOpen => _hashes.Length == 0;

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
