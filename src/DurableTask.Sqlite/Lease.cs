using System.Globalization;

namespace DurableTask.Sqlite;

/// <summary>One process owns a journal: a file lock of the operating system beside it, which ends with the process, whatever ends that.</summary>
internal sealed class Lease : IDisposable
{
    private readonly FileStream _lock;

    private Lease(FileStream @lock) => _lock = @lock;

    /// <exception cref="JournalException">Another process, or another service of this process, owns the journal.</exception>
    public static Lease Take(string journal, DateTime now)
    {
        var owner = journal + ".owner";
        FileStream file;
        try
        {
            // FileShare.None is flock(LOCK_EX) on Unix.
            file = new FileStream(journal + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException error) when (error is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException))
        {
            throw new JournalException($"The journal {journal} belongs to {ReadOwner(owner)}; stop that process or use another data folder.", error);
        }

        File.WriteAllText(owner, string.Create(
            CultureInfo.InvariantCulture,
            $"process {Environment.ProcessId} on {Environment.MachineName} since {now:yyyy-MM-dd HH:mm:ss} UTC"));
        return new Lease(file);
    }

    public void Dispose() => _lock.Dispose();

    private static string ReadOwner(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "another process";
        }
    }
}
