using System.Globalization;

namespace Sana.Local.Engine;

/// <summary>One process owns a journal: a lock of the operating system on a file beside it, which ends with the process, however that ends.</summary>
internal sealed class Lease : IDisposable
{
    private readonly FileStream _lock;

    private Lease(FileStream @lock) => _lock = @lock;

    public static Lease Take(string journal, DateTime now)
    {
        var owner = journal + ".owner";
        FileStream file;
        try
        {
            // FileShare.None is flock(LOCK_EX) on Unix: it also keeps out a second engine in this process.
            file = new FileStream(journal + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1);
        }
        catch (IOException error) when (error is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException))
        {
            throw new EngineException(
                $"The journal {journal} belongs to {ReadOwner(owner)}; stop that process or use another data folder.", error);
        }

        // The owner's name stands in a file of its own, because Windows lets nobody read a locked one.
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
