using System.Runtime.InteropServices;

namespace Sana.Storage.Sources;

/// <summary>What stands at a path, links not followed. Opening a pipe waits for ever and a device may do anything, so a source opens plain files only.</summary>
internal static partial class PlainFile
{
    private const int AtCurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint TypeAndSize = 0x201;

    /// <summary>The size of a plain file; null for anything else, or when nothing is there.</summary>
    public static long? Size(string path)
    {
        if (OperatingSystem.IsLinux())
            return Stat(path) is { } stat && (stat.Mode & 0xF000) == 0x8000 ? (long)stat.Size : null;
        var file = new FileInfo(path);
        return file.Exists && (file.Attributes & (FileAttributes.ReparsePoint | FileAttributes.Device | FileAttributes.Directory)) == 0 ? file.Length : null;
    }

    /// <summary>True for a folder that is no link to one.</summary>
    public static bool IsFolder(string path) => OperatingSystem.IsLinux()
        ? Stat(path) is { } stat && (stat.Mode & 0xF000) == 0x4000
        : new DirectoryInfo(path) is { Exists: true } folder && (folder.Attributes & FileAttributes.ReparsePoint) == 0;

    private static FileStat? Stat(string path) => StatX(AtCurrentFolder, path, NoFollow, TypeAndSize, out var stat) == 0 ? stat : null;

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, out FileStat stat);

    // struct statx has the same layout on every processor, unlike struct stat.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStat
    {
        [FieldOffset(28)]
        public ushort Mode;

        [FieldOffset(40)]
        public ulong Size;
    }
}
