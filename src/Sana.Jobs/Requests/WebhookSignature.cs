using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Jobs.Requests;

/// <summary>The headers of a signed webhook, as the Standard Webhooks specification has them: HMAC-SHA256 over <c>id.timestamp.body</c>.</summary>
public static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>The key of a secret: base64, with or without <c>whsec_</c> before it.</summary>
    /// <exception cref="SanaException">It is not base64 of 24…64 bytes.</exception>
    public static byte[] Key(string secret)
    {
        var text = secret.StartsWith(Prefix, StringComparison.Ordinal) ? secret[Prefix.Length..] : secret;
        var key = new byte[text.Length];
        return Convert.TryFromBase64String(text, key, out var length) && length is >= 24 and <= 64
            ? key[..length]
            : throw new SanaException("The webhook secret is not base64 of 24…64 bytes, such as whsec_ and the output of: openssl rand -base64 32");
    }

    /// <summary>The three headers.</summary>
    /// <param name="id">The same for every delivery of one message, so that a receiver can tell a repeat.</param>
    /// <param name="sent">When this delivery is sent; receivers refuse old ones.</param>
    /// <param name="body">The bytes that are sent.</param>
    /// <param name="key">From <see cref="Key"/>.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> Headers(string id, DateTimeOffset sent, ReadOnlySpan<byte> body, byte[] key)
    {
        var timestamp = sent.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hmac.AppendData(Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        hmac.AppendData(body);
        return
        [
            new("webhook-id", id),
            new("webhook-timestamp", timestamp),
            new("webhook-signature", "v1," + Convert.ToBase64String(hmac.GetHashAndReset())),
        ];
    }
}
