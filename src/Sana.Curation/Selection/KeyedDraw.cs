using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Curation.Selection;

/// <summary>
/// A uniform number in [0, 1) as a function of seed and key alone, so a draw does not depend on order, shard, retry or machine:
/// the first 53 bits of SHA-256 over the seed (8 bytes, little endian) and the key in UTF-8, over 2^53. Anyone can recompute it with any language's library.
/// </summary>
internal static class KeyedDraw
{
    public static double Uniform(ulong seed, string key)
    {
        var most = 8 + Encoding.UTF8.GetMaxByteCount(key.Length);
        var message = most <= 512 ? stackalloc byte[most] : new byte[most];
        BinaryPrimitives.WriteUInt64LittleEndian(message, seed);
        var length = 8 + Encoding.UTF8.GetBytes(key, message[8..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(message[..length], hash);
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }
}
