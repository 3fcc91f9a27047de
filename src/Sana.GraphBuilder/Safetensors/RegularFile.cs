using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>Reads a checkpoint's files. A path that is no regular file, or cannot be read, is a <see cref="CheckpointException"/>.</summary>
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
            // Opening a pipe blocks and reading a device never ends. Both have length 0, so the length is checked first.
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

/// <summary>Links to files, as in the Hugging Face cache: <c>snapshots/…/x.safetensors</c> is a link to <c>blobs/…</c>.</summary>
internal static class LinkedFile
{
    /// <summary>The path with all links resolved. As in the operating system, a relative link is resolved from the real folder of the link.</summary>
    /// <exception cref="IOException">The links go in circles.</exception>
    public static string Final(string path, int links = 40)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } folder)
            return full;
        if (links == 0)
            throw new IOException("Its links go in circles.");

        folder = Final(folder, links);
        var file = Path.Combine(folder, Path.GetFileName(full));
        return new FileInfo(file).LinkTarget is { } target ? Final(Path.Combine(folder, target), links - 1) : file;
    }

    /// <summary>
    /// How a graph in the folder of <paramref name="file"/> names it. ONNX Runtime resolves links and opens no file outside the folder it is given. Where a folder has a
    /// linked .safetensors, the loader gives the root of the file system and the name is the path from there; else it is the file's name.
    /// </summary>
    public static string Location(string file)
    {
        var folder = Path.GetDirectoryName(file)!;
        if (!Directory.EnumerateFiles(folder, "*.safetensors").Any(entry => new FileInfo(entry).LinkTarget is not null))
            return Path.GetFileName(file);

        var real = Final(file);
        return real[1..]; // without the leading slash
    }
}

/// <summary>SHA-256 in lower-case hex.</summary>
internal static class Sha256
{
    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
