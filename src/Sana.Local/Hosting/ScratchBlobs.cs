using System.Globalization;
using System.Runtime.CompilerServices;
using Sana.Storage.Blobs;

namespace Sana.Local.Hosting;

/// <summary>
/// The blobs of a command that keeps no journal: outputs go to their place, and everything else (plans, attempts, dead letters) to a temporary folder that is deleted at the end. Folders of processes
/// that were killed are deleted by the next one.
/// </summary>
internal sealed class ScratchBlobs : IBlobs, IDisposable
{
    private const string Prefix = "sana-work-";

    private static readonly string[] _kept = ["runs/", "timings/", "quarantine/"];

    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IBlobs _outputs;
    private readonly FileBlobs _work;
    private readonly string _folder;

    private ScratchBlobs(IBlobs outputs, string folder) => (_outputs, _folder, _work) = (outputs, folder, FileBlobs.Open(folder, flushes: false));

    public string Place => _outputs.Place;

    public long? FreeBytes => _outputs.FreeBytes;

    public static ScratchBlobs Open(IBlobs outputs)
    {
        foreach (var left in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            if (int.TryParse(Path.GetFileName(left).Split('-')[2], NumberStyles.None, CultureInfo.InvariantCulture, out var process) && !Directory.Exists($"/proc/{process}"))
                Delete(left);
        }

        return new ScratchBlobs(outputs, Directory.CreateTempSubdirectory(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-")).FullName);
    }

    /// <summary>Ends with the first failure of the outputs' place: nobody waits until it can be used again, as a server does.</summary>
    public Task Failed => _failed.Task;

    public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Watch(Of(name).PutIfAbsent(name, bytes, cancellationToken));

    public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Watch(Of(name).Put(name, bytes, cancellationToken));

    public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => Watch(Of(name).Read(name, cancellationToken));

    public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => Watch(Of(name).Write(name, write, cancellationToken));

    public Task<Stream?> Open(string name, CancellationToken cancellationToken) => Watch(Late(() => Of(name).Open(name, cancellationToken)));

    public Task<bool> Exists(string name, CancellationToken cancellationToken) => Watch(Late(() => Of(name).Exists(name, cancellationToken)));

    public Task Delete(string name, CancellationToken cancellationToken) => Watch(Of(name).Delete(name, cancellationToken));

    public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var entries = Of(prefix).List(prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Watch(Late(() => entries.MoveNextAsync().AsTask())))
            yield return entries.Current;
    }

    public void Dispose() => Delete(_folder);

    private IBlobs Of(string name) => Array.Exists(_kept, prefix => name.StartsWith(prefix, StringComparison.Ordinal)) ? _outputs : _work;

    /// <summary>An operation whose exceptions are those of its task.</summary>
    private static async Task<T> Late<T>(Func<Task<T>> operation) => await operation();

    private T Watch<T>(T operation)
        where T : Task
    {
        operation.ContinueWith(
            failed => _failed.TrySetException(failed.Exception!.InnerException!), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return operation;
    }

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Another user's, or deleted by another process.
        }
    }
}
