using System.Runtime.CompilerServices;

namespace Sana.Curation.Sources.Tars;

/// <summary>
/// Walks the headers of a tar. Libraries give up a whole file for one bad member; here members before a fault stand, the fault is an entry of its own, and the
/// walk goes on at the next block that is a header by magic and checksum. What the tar says of itself never decides how much memory is taken.
/// </summary>
internal sealed class TarWalk(Stream tar)
{
    private const int MaxExtended = 64 * 1024;
    private const int MaxHeadersInARow = 16;
    private const int MaxMembers = 2_000_000;
    private const long MaxSearch = 256L * 1024 * 1024;

    private readonly byte[] _block = new byte[TarHeader.Bytes];
    private readonly long _end = tar.Length;

    public async IAsyncEnumerable<TarEntry> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (at, pax, members, isEmptyBefore) = (0L, new PaxRecords(), 0, false);
        while (await Block(at, cancellationToken))
        {
            var isEmpty = !_block.AsSpan().ContainsAnyExcept((byte)0);
            if (isEmpty && isEmptyBefore)
                break;
            isEmptyBefore = isEmpty;
            if (isEmpty)
            {
                at += TarHeader.Bytes;
                continue;
            }

            if (++members > MaxMembers)
            {
                yield return Fault(at, Reasons.Unreadable, $"The tar has more than {MaxMembers} headers; the rest is left out.");
                yield break;
            }

            if (!TarHeader.IsOne(_block, mustHaveMagic: false))
            {
                yield return Fault(at, Reasons.Unreadable, $"No header of a tar stands at byte {at}.");
                pax = new PaxRecords();
                at = await Next(at, cancellationToken);
                continue;
            }

            var header = TarHeader.Read(_block);
            var size = pax.Size ?? header.Size;
            var data = at + TarHeader.Bytes;
            if (header.Type is 'x' or 'L' or 'K' or 'g' && header.Size >= 0 && header.Size <= _end - data)
            {
                await Extend(pax, header, data, cancellationToken);
                at = After(data, header.Size);
                continue;
            }

            var entry = Member(header, pax, at, data, size);
            pax = new PaxRecords();
            if (entry is { } found)
                yield return found;
            // Links, folders and devices have no bytes, whatever their size field says; a size beyond the end says nothing of what follows.
            var bytes = header.Type is '1' or '2' or '3' or '4' or '5' or '6' ? 0 : size;
            at = bytes < 0 || bytes > _end - data ? await Next(at, cancellationToken) : After(data, bytes);
        }

        if (pax.Headers > 0)
            yield return Fault(at, Reasons.Truncated, "The tar ends after an extended header, before its member.");
        else if (at < _end && _end - at < TarHeader.Bytes)
            yield return Fault(at, Reasons.Truncated, "The tar ends within a header.");
    }

    private TarEntry? Member(TarHeader header, PaxRecords pax, long at, long data, long size)
    {
        var (name, fault) = MemberName.Check(pax.Path ?? header.Name);
        var shown = name ?? FileNames.Shown(pax.Path ?? header.Name) + '@' + at;
        if (pax.Headers > MaxHeadersInARow)
            return Bad(Reasons.UnsafeMember, $"{pax.Headers} extended headers stand before it; {MaxHeadersInARow} may.");
        if (pax.Fault is not null)
            return Bad(Reasons.UnsafeMember, $"The member cannot be used: {pax.Fault}.");
        switch (header.Type)
        {
            case '5' when fault is null:
                return null;
            case '0' or '\0' or '7' when name is not null:
                break;
            case '0' or '\0' or '7' or '5':
                return header.Type == '5' && header.Name is "./" or "." or "/" ? null : Bad(Reasons.UnsafeMember, $"The member cannot be used: {fault}.");
            case '1' or '2':
                return Bad(Reasons.UnsafeMember, "The member is a link.");
            case '3' or '4' or '6':
                return Bad(Reasons.UnsafeMember, "The member is a device or a pipe.");
            case 'S':
                return Bad(Reasons.UnsafeMember, "The member is a sparse file.");
            default:
                return Bad(Reasons.UnsafeMember, $"The member is of type 0x{(int)header.Type:x2}; only plain files are read.");
        }

        // The old form says "folder" by a slash at the end.
        if (header.Type != '7' && (pax.Path ?? header.Name).EndsWith('/'))
            return null;
        if (size < 0)
            return Bad(Reasons.UnsafeMember, "The member's size is no number.");
        return size > _end - data
            ? Bad(Reasons.Truncated, $"The member says {size} bytes; the tar has {_end - data} more.")
            : new TarEntry(name, at, data, size);

        TarEntry Bad(string reason, string message) => new(shown, at, data, 0, reason, message);
    }

    private async Task Extend(PaxRecords pax, TarHeader header, long data, CancellationToken cancellationToken)
    {
        // A global header tells of times and comments; names and sizes come from the member's own.
        if (header.Type is 'K' or 'g')
            return;
        if (++pax.Headers > MaxHeadersInARow)
            return;
        if (header.Size > MaxExtended)
        {
            pax.Fault = $"its extended header has {header.Size} bytes; {MaxExtended} may be";
            return;
        }

        var bytes = new byte[header.Size];
        tar.Position = data;
        await tar.ReadExactlyAsync(bytes, cancellationToken);
        if (header.Type == 'x')
            pax.Add(bytes);
        else
            pax.Path = TarHeader.Text(bytes);
    }

    /// <summary>The next block that is a header beyond doubt, or the end.</summary>
    private async Task<long> Next(long at, CancellationToken cancellationToken)
    {
        for (var (next, stop) = (at + TarHeader.Bytes, at + MaxSearch); next <= stop && await Block(next, cancellationToken); next += TarHeader.Bytes)
        {
            if (TarHeader.IsOne(_block, mustHaveMagic: true))
                return next;
        }

        return _end;
    }

    private async Task<bool> Block(long at, CancellationToken cancellationToken)
    {
        if (at > _end - TarHeader.Bytes)
            return false;
        tar.Position = at;
        await tar.ReadExactlyAsync(_block, cancellationToken);
        return true;
    }

    private static long After(long data, long size) => data + ((size + TarHeader.Bytes - 1) / TarHeader.Bytes * TarHeader.Bytes);

    private static TarEntry Fault(long at, string reason, string message) => new($"@{at}", at, at, 0, reason, message);
}
