using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Which images, and which captions of them, the versions before this one hold, by content: 16 bytes each, so a million of them are 16 MB.</summary>
internal sealed class KnownHashes
{
    private const int Size = 16;

    private readonly UInt128[] _sorted;

    private KnownHashes(UInt128[] sorted) => _sorted = sorted;

    public static KnownHashes None { get; } = new([]);

    public int Count => _sorted.Length;

    /// <param name="blobs">Where the dataset is.</param>
    /// <param name="names">The version that came before; null for none.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="SanaException">That version is not finished.</exception>
    public static async Task<KnownHashes> Of(IBlobs blobs, DatasetNames? names, CancellationToken cancellationToken)
    {
        if (names is null)
            return None;
        return await Read(blobs, names.Hashes, cancellationToken)
            ?? throw new UnusableJobException($"{names.Dataset} {names.Version} in {blobs.Place} is not finished, so nothing can be said to be new since it; finish it first or leave --since out.");
    }

    /// <summary>The captions that the images of that version had; none for a version of a program that did not keep them.</summary>
    public static async Task<KnownHashes> Captions(IBlobs blobs, DatasetNames? names, CancellationToken cancellationToken) =>
        names is null ? None : await Read(blobs, names.CaptionHashes, cancellationToken) ?? None;

    /// <summary>An image with one of its captions, as a hash of both.</summary>
    public static string Caption(string sha256,
        string caption) => sha256[..16] + XxHash64.HashToUInt64(MemoryMarshal.AsBytes(caption.AsSpan())).ToString("x16",
        System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<KnownHashes?> Read(IBlobs blobs, string name, CancellationToken cancellationToken)
    {
        if (await blobs.Read(name, cancellationToken) is not { } bytes)
            return null;
        var hashes = new UInt128[bytes.Length / Size];
        for (var i = 0; i < hashes.Length; i++)
            hashes[i] = BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(i * Size));
        return new KnownHashes(hashes);
    }

    public bool Contains(string sha256) => Array.BinarySearch(_sorted, Of(sha256)) >= 0;

    /// <summary>Those that were known with those of this version.</summary>
    public byte[] With(IEnumerable<string> sha256)
    {
        var all = _sorted.Concat(sha256.Select(Of)).Distinct().Order().ToArray();
        var bytes = new byte[all.Length * Size];
        for (var i = 0; i < all.Length; i++)
            BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(i * Size), all[i]);
        return bytes;
    }

    private static UInt128 Of(string sha256) => BinaryPrimitives.ReadUInt128BigEndian(Convert.FromHexString(sha256.AsSpan(0, 2 * Size)));
}
