using System.Runtime.InteropServices;

namespace Sana.Storage.Blobs;

/// <summary>System calls that .NET has no method for.</summary>
internal static partial class LinuxFile
{
    private const int Exists = 17;
    private const int Invalid = 22;
    private const int AtCurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint TypeAndSize = 0x201;
    private const uint TypeSizeAndTime = 0x241;
    private const int PipeType = 0x1000;
    private const int FolderType = 0x4000;
    private const int PlainType = 0x8000;
    private const int LinkType = 0xA000;
    private const int SocketType = 0xC000;
    private const long MostSeconds = 253_402_300_799; // the year 9999

    // EPERM, EXDEV, EMLINK, ENOSYS, EOPNOTSUPP: this file system has no links between these two names.
    private static ReadOnlySpan<int> Unsupported => [1, 18, 31, 38, 95];

    /// <summary>
    /// link(2): gives <paramref name="source"/> the name <paramref name="target"/> and fails when the name is taken; the old name may remain. <see
    /// cref="File.Move(string, string)"/> copies where links are not supported, and a killed copy leaves half a file.
    /// </summary>
    /// <returns>False when the target exists.</returns>
    /// <exception cref="IOException">Neither a link nor a rename is possible.</exception>
    public static bool TryPublish(string source, string target)
    {
        if (Link(source, target) == 0)
            return true;
        var error = Marshal.GetLastPInvokeError();
        if (error == Exists)
            return false;
        if (!Unsupported.Contains(error))
            throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);

        // A rename is atomic everywhere; without links two writers may both believe they were first, and they write the same bytes.
        if (Path.Exists(target))
            return false;
        File.Move(source, target, overwrite: true);
        return true;
    }

    /// <summary>fsync(2) of a folder: until then a power failure may undo the names that were given in it.</summary>
    /// <exception cref="IOException">The disk refuses. A file system that cannot flush folders is not an error.</exception>
    public static void FlushFolder(string folder)
    {
        var handle = OpenFile(folder, flags: 0);
        if (handle < 0)
            throw Failure(Marshal.GetLastPInvokeError());
        try
        {
            if (Fsync(handle) != 0 && Marshal.GetLastPInvokeError() is var error and not Invalid && !Unsupported.Contains(error))
                throw Failure(error);
        }
        finally
        {
            _ = Close(handle);
        }

        static IOException Failure(int error) => new(Marshal.GetPInvokeErrorMessage(error), error);
    }

    /// <summary>
    /// The size of a plain file, links not followed; null for anything else. Opening a pipe may wait for ever, so a source opens plain files only.
    /// </summary>
    public static long? PlainSize(string path) => Stat(path) is { } stat && (stat.Mode & 0xF000) == PlainType ? (long)stat.Size : null;

    /// <summary>True for a folder that is no link to one.</summary>
    public static bool IsFolder(string path) => Stat(path) is { } stat && (stat.Mode & 0xF000) == FolderType;

    /// <summary>What stands under a name; null when nothing does.</summary>
    /// <param name="path">The name.</param>
    /// <param name="follow">Whether a link gives what it leads to.</param>
    public static PlaceFact? Look(string path, bool follow) => StatX(AtCurrentFolder, path, follow ? 0 : NoFollow, TypeSizeAndTime, out var stat) != 0
        ? null : new PlaceFact(
        (stat.Mode & 0xF000) switch
        {
            PlainType => PlaceKind.Plain,
            FolderType => PlaceKind.Folder,
            LinkType => PlaceKind.Link,
            SocketType => PlaceKind.Socket,
            PipeType => PlaceKind.Pipe,
            _ => PlaceKind.Device
        },
        (long)stat.Size,
        DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(stat.ModifiedSeconds, 0, MostSeconds)));

    /// <summary>realpath(3): the absolute path without a link in it; null when it leads nowhere.</summary>
    public static string? RealPath(string path)
    {
        var real = RealPath(path, 0);
        if (real == 0)
            return null;
        try
        {
            return Marshal.PtrToStringUTF8(real);
        }
        finally
        {
            Free(real);
        }
    }

    private static FileStat? Stat(string path) => StatX(AtCurrentFolder, path, NoFollow, TypeAndSize, out var stat) == 0 ? stat : null;

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPath(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);

    /// <summary>Opens a file to read it. Its writer holds a lock for an instant after the file has got its name: that is waited for, up to two seconds.</summary>
    public static async Task<FileStream> OpenToRead(string path, CancellationToken cancellationToken)
    {
        const int WouldBlock = 11;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 16, FileOptions.Asynchronous);
            }
            catch (IOException error) when (error.HResult == WouldBlock && attempt < 400)
            {
                await Task.Delay(5, cancellationToken);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string source, string target);

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

        [FieldOffset(112)]
        public long ModifiedSeconds;
    }
}

/// <summary>What a name of the file system stands for.</summary>
internal enum PlaceKind
{
    Plain,
    Folder,
    Link,
    Pipe,
    Socket,
    Device,
}

/// <summary>What stands under a name.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Size">Bytes of a plain file.</param>
/// <param name="Changed">When its content was last changed.</param>
internal readonly record struct PlaceFact(PlaceKind Kind, long Size, DateTimeOffset Changed);

/// <summary>An error of the operating system about a file, as a sentence with the fix.</summary>
internal static class FileFault
{
    // ENOSPC, EDQUOT, EFBIG.
    private static ReadOnlySpan<int> Full => [28, 122, TooLarge];

    private const int TooLarge = 27;

    /// <summary>.NET has an exception of arguments for a limit of the size of files (EFBIG).</summary>
    public static SanaException From(string verb, string place, ArgumentOutOfRangeException error) => From(verb, place, new IOException(error.Message, TooLarge));

    public static SanaException From(string verb, string place, Exception error) => new(
        Full.Contains(error.HResult) ? $"Cannot {verb} {place}: the disk is full; free some space and run the same command again, it goes on where it stopped."
        : error is UnauthorizedAccessException ? $"Cannot {verb} {place}: this user may not, or something else stands there; choose another folder or change its rights."
        : $"Cannot {verb} {place}: {error.Message.TrimEnd('.')}; choose another folder or repair this one.",
        error);
}
