using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace TinySana.Torch;

/// <summary>Loads LibTorch. Must be called once before any other use of TorchSharp.</summary>
internal static class NativeTorch
{
    private const string Library = "libLibTorchSharp.so";

    // The binding is linked against GCC 13's libstdc++.
    // It takes one symbol from this version, the initialiser of the standard streams, which older versions run by themselves.
    // So on a system with GCC 12 (Debian 12) only the version requirement prevents loading. There Relax marks it as weak.
    private const string NewestVersion = "GLIBCXX_3.4.32";

    /// <param name="threads">Threads of one operation, 1 or more.</param>
    public static void Prepare(int threads)
    {
        var path = Path.Combine(AppContext.BaseDirectory, Library);
        if (File.Exists(path) && !NativeLibrary.TryLoad(path, out _))
            Relax(path);
        torch.set_num_threads(threads);
    }

    // Replaces the file and never writes into it, because other processes may have it mapped. It keeps its time, so that the next build does not copy it again.
    private static void Relax(string path)
    {
        var (bytes, written, temporary) = (File.ReadAllBytes(path), File.GetLastWriteTimeUtc(path), $"{path}.{Environment.ProcessId}");
        if (!ElfSymbolVersions.MakeWeak(bytes, NewestVersion))
            return;

        File.WriteAllBytes(temporary, bytes);
        File.SetLastWriteTimeUtc(temporary, written);
        File.Move(temporary, path, overwrite: true);
    }
}

/// <summary>
/// The section <c>.gnu.version_r</c> of a 64-bit little-endian ELF library: the symbol versions it requires. Sources:
/// System V gABI, chapter 4 (sections), and Linux Standard Base, "Symbol Versioning" (Elf64_Verneed and Elf64_Vernaux).
/// </summary>
internal static class ElfSymbolVersions
{
    private const uint NeedSection = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 0x2;             // VER_FLG_WEAK: the loader warns of a missing version instead of refusing the library
    private const int SectionHeader = 64;

    /// <summary>Marks a required version as weak, so that it may be missing.</summary>
    /// <param name="elf">The bytes of the library, changed in place.</param>
    /// <param name="version">Such as <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>False if the version is not required, or is weak already.</returns>
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
