using System.Security.Cryptography;
using System.Text;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>SHA-256 over what a checkpoint's results depend on: configs, and names, lengths, headers and a sample of the weights.</summary>
internal static class Fingerprint
{
    // The largest published tokenizer has 33 megabytes.
    private const long MaxTokenizerBytes = 128 * 1024 * 1024;

    /// <param name="built">Kind and version of the graphs, and what else they were built with.</param>
    /// <param name="configs">Full paths; each is a small JSON file.</param>
    /// <param name="weights">One for each network.</param>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static string Of(string built, IEnumerable<string> configs, params IReadOnlyList<Weights> weights)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(built);
        foreach (var config in configs)
        {
            hash.AppendData(SHA256.HashData(RegularFile.ReadAll(config, JsonConfig.MaxBytes)));
        }

        foreach (var file in weights.SelectMany(network => network.Files))
        {
            Add($"{Path.GetFileName(file.Path)} {file.Length} {file.HeaderSha256}");
        }

        foreach (var network in weights)
        {
            hash.AppendData(WeightSample.Sha256(network));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(string text) => hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Hashes of those files that are there, for a checkpoint whose tokenizer comes in several forms; what is missing, its reader says.</summary>
    /// <param name="folder">Of the checkpoint.</param>
    /// <param name="files">Names in it.</param>
    /// <exception cref="CheckpointException">A file cannot be read, or is larger than any tokenizer.</exception>
    public static string OfThoseThere(string folder, params IEnumerable<string> files) => string.Join(' ', files
        .Select(file => Path.Combine(folder, file))
        .Where(File.Exists)
        .Select(file => Convert.ToHexStringLower(SHA256.HashData(RegularFile.ReadAll(file, MaxTokenizerBytes)))));
}
