namespace Sana.GraphBuilder.Checkpoint;

/// <summary>Writes small files so that a reader sees the old one or the new one, whenever the writer dies.</summary>
internal static class AtomicFile
{
    /// <exception cref="CheckpointException">The folder cannot be written or is full.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var file = File.Create(temporary))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            throw new CheckpointException(
                $"{path} cannot be written: {error.Message} Graphs are written beside the weights; make the folder writable, or copy the checkpoint to one that is.", error);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
