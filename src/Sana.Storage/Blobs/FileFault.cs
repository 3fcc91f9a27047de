namespace Sana.Storage.Blobs;

/// <summary>What the operating system said about a file, as a sentence with the fix.</summary>
internal static class FileFault
{
    // ENOSPC, EDQUOT, ERROR_DISK_FULL.
    private static ReadOnlySpan<int> Full => [28, 122, unchecked((int)0x80070070)];

    public static SanaException Of(string verb, string place, Exception error)
    {
        if (Full.Contains(error.HResult))
        {
            return new SanaException($"Cannot {verb} {place}: the disk is full; free some space and run the same command again, it goes on where it stopped.", error);
        }

        if (error is UnauthorizedAccessException)
        {
            return new SanaException($"Cannot {verb} {place}: this user may not, or something else stands there; choose another folder or change its rights.", error);
        }

        return new SanaException($"Cannot {verb} {place}: {error.Message.TrimEnd('.')}; choose another folder or repair this one.", error);
    }
}
