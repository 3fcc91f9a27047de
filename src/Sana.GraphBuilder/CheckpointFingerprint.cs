using System.Security.Cryptography;
using System.Text;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>SHA-256 over what a checkpoint's results depend on: configs, and names, lengths, headers and a sample of the weights.</summary>
internal static class CheckpointFingerprint
{
    /// <summary>Version of the graphs, raised when graphs that were built before no longer serve.</summary>
    private const int Version = 1;

    // The largest published tokenizer has 33 megabytes.
    private const long MaxTokenizerBytes = 128 * 1024 * 1024;

    // Training moves every number, so the first ones of each tensor tell weights of the same shapes apart. About 1,500 reads for a checkpoint.
    private const int SampleBytes = 64;

    /// <summary>The fingerprint, lower-case hex.</summary>
    /// <param name="built">What else the graphs depend on.</param>
    /// <param name="configs">Full paths; each is a small JSON file.</param>
    /// <param name="weights">One for each network.</param>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static string Compute(string built, IEnumerable<string> configs, params IReadOnlyList<SafetensorsWeights> weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"sana.graph/{Version} {built}");
        foreach (var config in configs)
            hash.AppendData(SHA256.HashData(RegularFile.ReadAll(config, JsonConfig.MaxBytes)));
        foreach (var file in weights.SelectMany(network => network.Files))
            Add($"{Path.GetFileName(file.Path)} {file.Length} {file.HeaderSha256}");
        foreach (var network in weights)
            hash.AppendData(Sample(network));
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(string text) => hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>The fingerprint of graphs in a precision: results of another one are other results. That of float32 is the checkpoint's own.</summary>
    public static string In(GraphPrecision precision, string fingerprint) =>
        precision == GraphPrecision.Float32 ? fingerprint : Sha256.Hex(Encoding.UTF8.GetBytes($"{fingerprint} {precision.Word()}"));

    /// <summary>As records name the precision.</summary>
    public static string Word(this GraphPrecision precision) => precision.ToString().ToLowerInvariant();

    /// <summary>Hashes of those files that are there, for a checkpoint whose tokenizer comes in several forms. That one is missing is found when it is read.</summary>
    /// <param name="folder">Of the checkpoint.</param>
    /// <param name="files">Names in it.</param>
    /// <exception cref="CheckpointException">A file cannot be read, or is larger than any tokenizer.</exception>
    public static string OfPresent(string folder, params IEnumerable<string> files) => string.Join(' ', files
        .Select(file => Path.Combine(folder, file))
        .Where(File.Exists)
        .Select(file => Sha256.Hex(RegularFile.ReadAll(file, MaxTokenizerBytes))));

    // SHA-256 over the first bytes of every tensor, in the order of files and offsets.
    private static byte[] Sample(SafetensorsWeights weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> sample = stackalloc byte[SampleBytes];
        foreach (var file in weights.Entries.GroupBy(entry => entry.File).OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            using var handle = RegularFile.Open(file.Key);
            foreach (var entry in file.OrderBy(entry => entry.Offset))
            {
                var bytes = sample[..(int)Math.Min(SampleBytes, entry.Length)];
                RegularFile.Fill(handle, bytes, entry.Offset, file.Key);
                hash.AppendData(bytes);
            }
        }

        return hash.GetHashAndReset();
    }
}
