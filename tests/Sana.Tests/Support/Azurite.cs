using System.Diagnostics;

namespace Sana.Tests.Support;

/// <summary>A real storage emulator on free ports, for blobs and queues, which keeps everything in memory.</summary>
internal sealed class Azurite : IAsyncDisposable
{
    // The emulator's published account: not a secret.
    private const string Account = "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly Process _process;

    private Azurite(Process process, string connection) => (_process, Connection) = (process, connection);

    public string Connection { get; }

    public static async Task<Azurite> Start()
    {
        var (blob, queue, table) = (LocalPort.Free(), LocalPort.Free(), LocalPort.Free());
        string[] arguments =
        [
            NodePackages.File("azurite", "dist", "src", "azurite.js"), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableProductStyleUrl",
            "--blobPort", $"{blob}", "--queuePort", $"{queue}", "--tablePort", $"{table}",
        ];
        var process = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        // Read, or a full pipe stops it.
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        foreach (var port in new[] { blob, queue })
            await LocalPort.Listening(port, process);
        var connection = $"DefaultEndpointsProtocol=http;{Account};BlobEndpoint=http://127.0.0.1:{blob}/devstoreaccount1;QueueEndpoint=http://127.0.0.1:{queue}/devstoreaccount1";
        return new Azurite(process, connection);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
