using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sana.Curation.Ingest;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources.Tars;

/// <summary>
/// The items of a tar: its images, each with the sidecars of its stem. WebDataset writes the members of a sample next to each other; where they are not,
/// they are found over the whole tar, which is walked
/// once for that before it is listed.
/// </summary>
internal sealed class TarItems(ISourceFiles files, SourceTally tally, CaptionFields fields)
{
    private static readonly (byte[] Mark, string What)[] _packings =
    [
        ([0x1F, 0x8B], "gzip"), ([0x42, 0x5A, 0x68], "bzip2"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
    ];

    /// <summary>The item that stands for a packed tar.</summary>
    public static SourceItem Packed(string file, string what = "a tar packed in another way than gzip") => new()
    {
        Name = file,
        Reason = Reasons.UnsupportedFormat,
        Message = $"The file is {what}; unpack it to a plain .tar.",
    };

    /// <summary>Items of one tar in the order of its members. A tar that is none is one item with the reason.</summary>
    /// <param name="file">The tar.</param>
    /// <param name="captions">Captions that files beside the tar have for the images of a key; null for none.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="CurationException">The place cannot be read.</exception>
    public IAsyncEnumerable<SourceItem> List(string file, IReadOnlyDictionary<string, List<SourceCaption>>? captions, CancellationToken cancellationToken) =>
        ListingFault.AsItem(file, Read(file, captions, cancellationToken), cancellationToken);

    private async IAsyncEnumerable<SourceItem> Read(string file, IReadOnlyDictionary<string, List<SourceCaption>>? captions,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var tar = await files.Open(file, cancellationToken);
        if (await Whole(file, tar, cancellationToken) is { } fault)
        {
            yield return fault;
            yield break;
        }

        tally.Read(FileNames.Kind(file) == FileKind.Tar ? "WebDataset" : "packed tar");
        var plan = await TarPlan.Of(tar!, fields, cancellationToken);
        await foreach (var run in TarRun.Read(tar!, cancellationToken))
        {
            // What is wrong among a sample's members comes at its end, so that items come in the order of the tar.
            for (var passed = 0; passed < run.PassedOver; passed++)
                tally.LeftOut(SourceFile.Hidden);
            foreach (var item in Items(file, run.Members, plan, captions))
                yield return item;
            foreach (var bad in run.Members.Where(entry => plan.Again.Contains(entry.Header)).Select(entry => Again(file, entry))
                .Concat(run.Faults.Select(entry => new SourceItem { Name = $"{file}!{entry.Name}", Reason = entry.Reason, Message = entry.Message })))
                yield return bad;
        }
    }

    private IEnumerable<SourceItem> Items(string file, List<TarEntry> run, TarPlan plan, IReadOnlyDictionary<string, List<SourceCaption>>? captions)
    {
        var members = run.Where(entry => !plan.Again.Contains(entry.Header)).ToList();
        var sidecars = members.Where(plan.IsSidecar).Select(entry => (Entry: entry, Owner: plan.OwnerOf(entry.Name)))
            .Where(sidecar => sidecar.Owner is not null).ToLookup(sidecar => sidecar.Owner!.Value.Stem, StringComparer.Ordinal);
        foreach (var entry in members)
        {
            switch (plan.KindOf(entry))
            {
                case FileKind.Image:
                    var parts = sidecars[Stems.Folded(FileNames.Stem(entry.Name))]
                        .Select(sidecar => new SourcePart(sidecar.Entry.Name, file, sidecar.Entry.Offset, sidecar.Entry.Length, sidecar.Owner!.Value.Field))
                        .UnionBy(plan.Strays(entry.Name, file), part => part.Offset)
                        .ToList();
                    yield return new SourceItem
                    {
                        Name = $"{file}!{entry.Name}",
                        File = file,
                        Offset = entry.Offset,
                        Length = entry.Length,
                        Sidecars = parts.Count == 0 ? null : parts,
                        Captions = captions?.GetValueOrDefault(FileNames.Key(entry.Name)),
                    };
                    break;
                case FileKind.CaptionText or FileKind.CaptionJson:
                    if (plan.OwnerOf(entry.Name) is null)
                        yield return new SourceItem
                        {
                            Name = $"{file}!{entry.Name}",
                            Reason = Reasons.MissingImage,
                            Message = "A sidecar without an image of the same name in the tar."
                        };
                    break;
                default:
                    // A sample with an image may carry classes, embeddings and the like.
                    tally.LeftOut(FileNames.Ending(entry.Name) is { Length: > 0 } ending ? SourceFacts.TarMember + ending.ToLowerInvariant()
                        : "tar member without an ending");
                    break;
            }
        }
    }

    // The header's place makes the name of a second one of its kind unique.
    private static SourceItem Again(string file, TarEntry entry) => new()
    {
        Name = $"{file}!{entry.Name}@{entry.Header}",
        Reason = Reasons.DuplicateMember,
        Message = "A member of this name stands before it in the tar.",
    };

    private static async Task<SourceItem?> Whole(string file, Stream? tar, CancellationToken cancellationToken)
    {
        if (tar is null)
            return new SourceItem { Name = file, Reason = Reasons.NotFound, Message = "The tar was there when the source was listed and is not now." };
        if (tar.Length == 0)
            return new SourceItem { Name = file, Reason = Reasons.EmptyFile, Message = "The tar has no bytes." };
        var head = new byte[Math.Min(512, tar.Length)];
        await tar.ReadExactlyAsync(head, cancellationToken);
        if (GitLfs.IsPointer(head))
            return new SourceItem { Name = file, Reason = Reasons.Unreadable, Message = GitLfs.Message };
        return _packings.FirstOrDefault(packing => head.AsSpan().StartsWith(packing.Mark)).What is { } what ? Packed(file, $"packed with {what}") : null;
    }
}

/// <summary>Members of a tar that follow each other under one key of WebDataset, up to a bound.</summary>
/// <param name="Members">Those that can be read.</param>
/// <param name="Faults">What is wrong among them.</param>
/// <param name="PassedOver">How many hidden files and metadata (<c>__x__</c>) there were, which WebDataset's readers pass over too.</param>
internal sealed record TarRun(List<TarEntry> Members, List<TarEntry> Faults, int PassedOver)
{
    private const int Most = 4096;
    private const int MostFaults = 256;

    public static async IAsyncEnumerable<TarRun> Read(Stream tar, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (members, faults, passed, key) = (new List<TarEntry>(), new List<TarEntry>(), 0, "");
        await foreach (var entry in new TarWalk(tar).Read(cancellationToken))
        {
            if (entry.Reason is null && IsPassedOver(entry.Name))
            {
                passed++;
                continue;
            }

            var next = entry.Reason is null ? FileNames.Key(entry.Name) : key;
            if (next != key || members.Count == Most || faults.Count == MostFaults)
            {
                yield return new TarRun(members, faults, passed);
                (members, faults, passed, key) = ([], [], 0, next);
            }

            if (entry.Reason is not null)
                faults.Add(entry);
            else
                members.Add(await IsImage(tar, entry, cancellationToken) ? entry with { IsImage = true } : entry);
        }

        yield return new TarRun(members, faults, passed);
    }

    // A member without an ending is an image by its first bytes.
    private static async Task<bool> IsImage(Stream tar, TarEntry entry, CancellationToken cancellationToken)
    {
        if (FileNames.Ending(entry.Name).Length > 0 || entry.Length < 12)
            return false;
        var head = new byte[12];
        tar.Position = entry.Offset;
        return await tar.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken) == head.Length
            && FileSignature.Read(head, "").IsImage;
    }

    private static bool IsPassedOver(string name)
    {
        var last = FileNames.Last(name);
        return last[0] == '.' || name.StartsWith("__MACOSX/", StringComparison.Ordinal) || (last.StartsWith("__", StringComparison.Ordinal)
            && (last.EndsWith("__", StringComparison.Ordinal)
            || FileNames.Key(last).EndsWith("__", StringComparison.Ordinal)));
    }
}

/// <summary>
/// What a first walk over a tar finds: which images there are, which members stand in it twice, and the sidecars that stand apart from their image. Of what
/// stands next to each other only a hash is kept.
/// </summary>
internal sealed class TarPlan(CaptionFields fields)
{
    private readonly HashSet<UInt128> _images = [];
    private readonly Dictionary<string, List<(TarEntry Entry, string? Field)>> _strays = new(StringComparer.Ordinal);

    /// <value>Where the headers of members begin whose name stands before.</value>
    public HashSet<long> Again { get; } = [];

    /// <summary>Walks the tar.</summary>
    public static async Task<TarPlan> Of(Stream tar, CaptionFields fields, CancellationToken cancellationToken)
    {
        var (plan, names, apart) = (new TarPlan(fields), new HashSet<UInt128>(), new List<TarEntry>());
        await foreach (var run in TarRun.Read(tar, cancellationToken))
        {
            var near = new HashSet<string>(StringComparer.Ordinal);
            foreach (var entry in run.Members.Where(entry => plan.KindOf(entry) is FileKind.Image or FileKind.CaptionText or FileKind.CaptionJson))
            {
                // Capitals of an ending make no other member.
                if (!names.Add(Hash(FileNames.Stem(entry.Name) + '.' + FileNames.Ending(entry.Name).ToLowerInvariant())))
                    plan.Again.Add(entry.Header);
                else if (plan.KindOf(entry) == FileKind.Image)
                    near.Add(FileNames.Stem(entry.Name));
            }

            foreach (var stem in near)
                plan._images.Add(Hash(Stems.Folded(stem)));
            // One with more than the image's stem in its name may belong to an image that comes later.
            apart.AddRange(run.Members.Where(entry => plan.IsSidecar(entry) && !plan.Again.Contains(entry.Header)
                && Stems.Owner(entry.Name, near.Contains) is not { Field: null }));
        }

        foreach (var entry in apart)
        {
            if (plan.OwnerOf(entry.Name) is not { } owner)
                continue;
            if (!plan._strays.TryGetValue(owner.Stem, out var strays))
                plan._strays[owner.Stem] = strays = [];
            strays.Add((entry, owner.Field));
        }

        return plan;
    }

    /// <summary>What a member is; one whose ending was named as a caption field is a caption.</summary>
    public FileKind KindOf(TarEntry entry) => entry.IsImage ? FileKind.Image
        : FileNames.Kind(entry.Name) is FileKind.Other && fields.AreNamed && fields.Rank(FileNames.Ending(entry.Name)) is not null ? FileKind.CaptionText
        : FileNames.Kind(entry.Name);

    public bool IsSidecar(TarEntry entry) => KindOf(entry) is FileKind.CaptionText or FileKind.CaptionJson;

    /// <summary>The stem of the image that a sidecar belongs to; null when there is none in the tar.</summary>
    public (string Stem, string? Field)? OwnerOf(string sidecar) => Stems.Owner(Stems.Folded(sidecar), name => _images.Contains(Hash(name)));

    /// <summary>The sidecars that stand apart from an image.</summary>
    public IEnumerable<SourcePart> Strays(string image, string file) => (_strays.GetValueOrDefault(Stems.Folded(FileNames.Stem(image))) ?? [])
        .Select(stray => new SourcePart(stray.Entry.Name, file, stray.Entry.Offset, stray.Entry.Length, stray.Field));

    private static UInt128 Hash(string name) => XxHash128.HashToUInt128(MemoryMarshal.AsBytes(name.AsSpan()));
}
