using System.Security.Cryptography;
using Sana.Storage.Blobs;

namespace Sana.Tests.Support;

/// <summary>All blobs under a prefix as text: one line each with name and SHA-256, so that two trees are compared at once.</summary>
internal static class Tree
{
    public static async Task<string> Of(IBlobs blobs, string prefix)
    {
        var lines = new List<string>();
        await foreach (var blob in blobs.List(prefix, CancellationToken.None))
            lines.Add($"{blob.Name} {Convert.ToHexStringLower(SHA256.HashData((await blobs.Read(blob.Name, CancellationToken.None))!))}");
        return string.Join('\n', lines);
    }
}
