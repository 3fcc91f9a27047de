using System.Runtime.InteropServices;

namespace Sana.Storage.Blobs;

/// <summary>
/// link(2): the one call that gives a finished file its name and fails when the name is taken. <see cref="File.Move(string, string)"/> does the same but falls back
/// to copying where links are not supported, and a killed copy is a torn file.
/// </summary>
internal static partial class HardLink
{
    private const int Exists = 17;
    private const int Invalid = 22;

    // EPERM, EXDEV, EMLINK, ENOSYS, EOPNOTSUPP: this file system has no links between these two names.
    private static ReadOnlySpan<int> Unsupported => [1, 18, 31, 38, 95];

    /// <summary>Gives <paramref name="source"/> the name <paramref name="target"/>; the old name may remain.</summary>
    /// <returns>False when the target exists.</returns>
    /// <exception cref="IOException">Neither a link nor a rename is possible.</exception>
    public static bool TryPublish(string source, string target)
    {
        if (!OperatingSystem.IsWindows())
        {
            if (Link(source, target) == 0)
            {
                return true;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error == Exists)
            {
                return false;
            }

            if (!Unsupported.Contains(error))
            {
                throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
            }
        }

        // A rename is atomic everywhere; without links two writers may both believe they were first, and they write the same bytes.
        if (Path.Exists(target))
        {
            return false;
        }

        File.Move(source, target, overwrite: true);
        return true;
    }

    /// <summary>fsync(2) of a folder: until then a power failure may take back the names that were given in it.</summary>
    /// <exception cref="IOException">The disk refuses. A file system that cannot flush folders is not an error.</exception>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        var handle = OpenFile(folder, flags: 0);
        if (handle < 0)
            throw Fault(Marshal.GetLastPInvokeError());
        try
        {
            if (Fsync(handle) != 0 && Marshal.GetLastPInvokeError() is var error and not Invalid && !Unsupported.Contains(error))
                throw Fault(error);
        }
        finally
        {
            _ = Close(handle);
        }

        static IOException Fault(int error) => new(Marshal.GetPInvokeErrorMessage(error), error);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string source, string target);
}
