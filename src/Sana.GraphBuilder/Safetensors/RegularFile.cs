using Microsoft.Win32.SafeHandles;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>Opens files that may not be files: whatever is wrong with the path is a <see cref="CheckpointException"/>.</summary>
internal static class RegularFile
{
    /// <summary>The whole file.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or holds more than <paramref name="limit"/> bytes.</exception>
    public static byte[] ReadAll(string path, long limit)
    {
        using var handle = Open(path);
        var length = RandomAccess.GetLength(handle);
        if (length > limit)
            throw new CheckpointException($"{path} has {length} bytes, more than the limit of {limit}; it is not the small JSON file that belongs here.");

        var bytes = new byte[length];
        Fill(handle, bytes, 0, path);
        return bytes;
    }

    public static SafeFileHandle Open(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new CheckpointException($"{path} is a folder where a file is needed.");

            var file = new FileInfo(path);
            if (!file.Exists)
                throw new CheckpointException($"{path} does not exist; fetch the whole checkpoint.");
            file = new FileInfo(LinkedFile.Final(path));
            if (!file.Exists)
                throw new CheckpointException($"{path} is a link to {file.FullName}, which does not exist; fetch the whole checkpoint.");
            // A pipe blocks its reader inside open(2), a device never ends; both report length 0, so the length is asked first.
            if (file.Length == 0)
                throw new CheckpointException($"{path} is empty or not a regular file; fetch the checkpoint again.");

            return File.OpenHandle(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CheckpointException($"{path} cannot be read: {error.Message}", error);
        }
    }

    public static void Fill(SafeFileHandle handle, Span<byte> bytes, long offset, string path)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                var read = RandomAccess.Read(handle, bytes, offset);
                if (read == 0)
                    throw new CheckpointException($"{path} ended at byte {offset} while it was read; fetch the checkpoint again.");
                bytes = bytes[read..];
                offset += read;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path} cannot be read: {error.Message}", error);
        }
    }
}
