using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources.Tars;

/// <summary>
/// The items of WebDataset tars: members that follow each other under one key are one sample, and its images are items with the sample's sidecars.
/// </summary>
internal sealed class TarItems(ISourceFiles files)
{
    private const int MaxSample = 256;

    private static readonly (byte[] Mark, string What)[] _packings =
    [
        ([0x1F, 0x8B], "gzip"), ([0x42, 0x5A, 0x68], "bzip2"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
    ];

    /// <summary>The item that stands for a packed tar.</summary>
    public static SourceItem Packed(string file, string what = "a packed tar") => new()
    {
        Name = file,
        Reason = Reasons.UnsupportedFormat,
        Message = $"The file is {what}; members are read where they lie, so unpack it to a plain .tar.",
    };

    /// <summary>Items of one tar in the order of its members. A tar that is none is one item with the reason.</summary>
    /// <exception cref="CurationException">The place cannot be read.</exception>
    public IAsyncEnumerable<SourceItem> List(string file, CancellationToken cancellationToken) => ListingFault.AsItem(file, Read(file, cancellationToken), cancellationToken);

    private async IAsyncEnumerable<SourceItem> Read(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var tar = await files.Open(file, cancellationToken);
        if (await Whole(file, tar, cancellationToken) is { } fault)
        {
            yield return fault;
            yield break;
        }

        // What is wrong among a sample's members waits for its end, so that items come in the order of the tar.
        var (sample, faults, key, seen) = (new List<TarEntry>(), new List<SourceItem>(), "", new HashSet<UInt128>());
        await foreach (var entry in new TarWalk(tar!).Read(cancellationToken))
        {
            if (entry.Reason is null && IsPassedOver(entry.Name))
                continue;
            var next = entry.Reason is null ? FileNames.Key(entry.Name) : key;
            if (next != key || faults.Count == MaxSample)
            {
                foreach (var item in Items(file, key, sample, seen).Concat(faults))
                    yield return item;
                sample.Clear();
                faults.Clear();
                key = next;
            }

            if (entry.Reason is not null)
                faults.Add(new SourceItem { Name = $"{file}!{entry.Name}", Reason = entry.Reason, Message = entry.Message });
            else if (sample.Any(other => SameMember(other, entry)))
                faults.Add(Rejected(file, entry, Reasons.DuplicateMember, "A member of this name stands before it in the same sample."));
            else if (sample.Count == MaxSample)
                faults.Add(Rejected(file, entry, Reasons.DuplicateMember, $"The sample has more than {MaxSample} members."));
            else
                sample.Add(entry);
        }

        foreach (var item in Items(file, key, sample, seen).Concat(faults))
            yield return item;
    }

    private static IEnumerable<SourceItem> Items(string file, string key, List<TarEntry> sample, HashSet<UInt128> seen)
    {
        var images = sample.Where(entry => FileNames.Kind(entry.Name) == FileKind.Image).ToList();
        var sidecars = sample.Where(entry => Suffix(entry.Name) is "txt" or "caption" or "cap" or "json").ToList();
        // A sample with an image may carry classes, embeddings and the like; without one, what remains may be an image under another name.
        if (images.Count == 0)
            images = [.. sample.Except(sidecars)];
        var hash = XxHash128.HashToUInt128(MemoryMarshal.AsBytes(key.AsSpan()));
        if (images.Count == 0)
        {
            // None at all when faults alone were waiting.
            foreach (var entry in sidecars)
            {
                yield return Rejected(file, entry, Reasons.MissingImage, seen.Contains(hash)
                    ? "The member stands apart from its image; members of one sample follow each other."
                    : "A sidecar without an image of the same key.");
            }

            yield break;
        }

        var isAgain = !seen.Add(hash);
        var parts = sidecars.ConvertAll(entry => new SourcePart(entry.Name, file, entry.Offset, entry.Length));
        foreach (var image in images)
        {
            yield return isAgain
                ? Rejected(file, image, Reasons.DuplicateMember, "A sample of this key stands before it; members of one sample follow each other, and keys are unique.")
                : new SourceItem { Name = $"{file}!{image.Name}", File = file, Offset = image.Offset, Length = image.Length, Sidecars = parts.Count == 0 ? null : parts };
        }
    }

    // The header's place makes the name of a second one of its kind unique.
    private static SourceItem Rejected(string file, TarEntry entry, string reason, string message) =>
        new() { Name = reason == Reasons.DuplicateMember ? $"{file}!{entry.Name}@{entry.Header}" : $"{file}!{entry.Name}", Reason = reason, Message = message };

    private static bool SameMember(TarEntry one, TarEntry other) => string.Equals(Suffix(one.Name), Suffix(other.Name), StringComparison.OrdinalIgnoreCase);

    private static string Suffix(string name) => name[FileNames.Key(name).Length..].TrimStart('.').ToLowerInvariant();

    /// <summary>Metadata (<c>__x__</c>) and hidden files, which WebDataset's readers pass over too.</summary>
    private static bool IsPassedOver(string name)
    {
        var last = name[(name.LastIndexOf('/') + 1)..];
        return last[0] == '.' || (last.StartsWith("__", StringComparison.Ordinal) && (last.EndsWith("__", StringComparison.Ordinal)
            || FileNames.Key(last).EndsWith("__", StringComparison.Ordinal)));
    }

    private static async Task<SourceItem?> Whole(string file, Stream? tar, CancellationToken cancellationToken)
    {
        if (tar is null)
            return new SourceItem { Name = file, Reason = Reasons.NotFound, Message = "The tar was there when the source was listed and is not now." };
        if (tar.Length == 0)
            return new SourceItem { Name = file, Reason = Reasons.EmptyFile, Message = "The tar has no bytes." };
        var head = new byte[Math.Min(8, tar.Length)];
        await tar.ReadExactlyAsync(head, cancellationToken);
        return _packings.FirstOrDefault(packing => head.AsSpan().StartsWith(packing.Mark)).What is { } what ? Packed(file, $"packed with {what}") : null;
    }
}
