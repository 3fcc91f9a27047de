using System.Security.Cryptography;
using System.Text;

namespace Sana.Storage;

/// <summary>Hashes as they stand in names and records: lower-case hex.</summary>
public static class Digest
{
    /// <summary>SHA-256 of bytes, 64 digits.</summary>
    public static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>SHA-256 of a text's UTF-8, 64 digits.</summary>
    public static string Sha256(string text) => Sha256(Encoding.UTF8.GetBytes(text));
}
