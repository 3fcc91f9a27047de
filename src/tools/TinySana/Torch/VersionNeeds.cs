using System.Buffers.Binary;
using System.Text;

namespace TinySana.Torch;

// System V gABI, chapter 4 (sections), and the Linux Standard Base, "Symbol Versioning": Elf64_Verneed and Elf64_Vernaux.

/// <summary>The section <c>.gnu.version_r</c> of a 64-bit little-endian ELF library: the symbol versions that others must provide.</summary>
internal static class VersionNeeds
{
    private const uint NeedSection = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 0x2;             // VER_FLG_WEAK: the loader warns of a missing version instead of refusing the library
    private const int SectionHeader = 64;

    /// <summary>Marks a version as one that may be missing.</summary>
    /// <param name="elf">The library, changed in place.</param>
    /// <param name="version">Such as <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>False if no such version is asked for, or it is marked already.</returns>
    public static bool MakeWeak(Span<byte> elf, string version)
    {
        var (sections, count) = ((int)Long(elf, 0x28), Short(elf, 0x3c));
        for (var i = 0; i < count; i++)
        {
            var header = sections + (i * SectionHeader);
            if (Word(elf, header + 4) != NeedSection)
                continue;

            var names = (int)Long(elf, sections + ((int)Word(elf, header + 40) * SectionHeader) + 24);
            return MakeWeak(elf, (int)Long(elf, header + 24), names, Encoding.ASCII.GetBytes(version + '\0'));
        }

        return false;
    }

    private static bool MakeWeak(Span<byte> elf, int need, int names, ReadOnlySpan<byte> version)
    {
        for (uint next = 1; next != 0; need += (int)next)
        {
            next = Word(elf, need + 12);
            var entry = need + (int)Word(elf, need + 8);
            for (var left = (int)Short(elf, need + 2); left > 0; left--)
            {
                var flags = Short(elf, entry + 4);
                if (elf[(names + (int)Word(elf, entry + 8))..].StartsWith(version) && (flags & Weak) == 0)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(elf[(entry + 4)..], (ushort)(flags | Weak));
                    return true;
                }

                entry += (int)Word(elf, entry + 12);
            }
        }

        return false;
    }

    private static ushort Short(ReadOnlySpan<byte> elf, int at) => BinaryPrimitives.ReadUInt16LittleEndian(elf[at..]);

    private static uint Word(ReadOnlySpan<byte> elf, int at) => BinaryPrimitives.ReadUInt32LittleEndian(elf[at..]);

    private static ulong Long(ReadOnlySpan<byte> elf, int at) => BinaryPrimitives.ReadUInt64LittleEndian(elf[at..]);
}
