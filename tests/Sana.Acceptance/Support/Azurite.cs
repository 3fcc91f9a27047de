using System.Diagnostics;
using System.Text.RegularExpressions;
using Azure.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Support;

/// <summary>The storage emulator from tests/packages, on free ports and with a folder of its own.</summary>
public sealed partial class Azurite : IAsyncLifetime
{
    private const string Main = "tests/packages/node_modules/azurite/dist/src/azurite.js";

    private readonly TempFolder _folder = new();
    private Process? _process;
    private readonly List<string> _endpoints = []; // blobs, queues, tables

    /// <summary>The connection string of its well-known account; skips the test where it is not installed.</summary>
    public string ConnectionString
    {
        get
        {
            Assert.SkipWhen(_endpoints.Count < 3, "Azurite is not installed: run 'npm ci' in tests/packages.");
            return "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
                + "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
                + $"BlobEndpoint={_endpoints[0]}/devstoreaccount1;QueueEndpoint={_endpoints[1]}/devstoreaccount1;TableEndpoint={_endpoints[2]}/devstoreaccount1";
        }
    }

    /// <summary>A client of one container, in a version of the protocol that the emulator speaks.</summary>
    public BlobContainerClient Container(string name) => new(ConnectionString, name, new BlobClientOptions(BlobClientOptions.ServiceVersion.V2025_11_05));

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (FindMain() is not { } main)
        {
            return;
        }

        _process = Process.Start(new ProcessStartInfo("node", [main, "--blobPort", "0", "--queuePort", "0", "--tablePort", "0", "--location", _folder.Path, "--skipApiVersionCheck", "--disableTelemetry"])
        {
            RedirectStandardOutput = true,
        })!;
        // It names them in this order.
        while (_endpoints.Count < 3 && await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
                _endpoints.Add(match.Groups[1].Value);
        }

        // Its log is long and a full pipe would stop it.
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _folder.Dispose();
    }

    private static string? FindMain()
    {
        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            var candidate = Path.Combine(up.FullName, Main);
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }

    [GeneratedRegex(@"successfully listening at (http://127\.0\.0\.1:[0-9]+)")]
    private static partial Regex Listening();
}
