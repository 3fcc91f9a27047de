using System.Security.Cryptography;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>
/// Tells weights of the same shapes apart without reading gigabytes: training moves every number, so the first of each tensor will do. About 1,500 reads for a checkpoint.
/// </summary>
internal static class WeightSample
{
    private const int BytesPerTensor = 64;

    /// <summary>SHA-256 over the first bytes of every tensor, in the order of files and offsets.</summary>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static byte[] Sha256(Weights weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> sample = stackalloc byte[BytesPerTensor];
        foreach (var file in weights.Entries.GroupBy(entry => entry.File).OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            using var handle = RegularFile.Open(file.Key);
            foreach (var entry in file.OrderBy(entry => entry.Offset))
            {
                var bytes = sample[..(int)Math.Min(BytesPerTensor, entry.Length)];
                RegularFile.Fill(handle, bytes, entry.Offset, file.Key);
                hash.AppendData(bytes);
            }
        }

        return hash.GetHashAndReset();
    }
}
