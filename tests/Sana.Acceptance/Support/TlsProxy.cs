using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Sana.Tests.Support;

namespace Sana.Acceptance.Support;

/// <summary>A real nginx or Caddy with TLS before a server. It runs a block of docs/proxy.md; only names, ports and files of the certificate are put in.</summary>
internal sealed class TlsProxy : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly Process _process;
    private readonly X509Certificate2 _certificate;

    private TlsProxy(TempFolder folder, Process process, X509Certificate2 certificate) => (_folder, _process, _certificate) = (folder, process, certificate);

    /// <summary>The certificate as PEM, for clients that take a file of authorities.</summary>
    public string Authority => _folder.File("tls.pem");

    /// <param name="program">nginx or caddy.</param>
    /// <param name="block">Which of its blocks on the page, from 0.</param>
    /// <param name="port">The outside's.</param>
    /// <param name="server">The server behind it.</param>
    public static async Task<TlsProxy> Start(string program, int block, int port, Uri server)
    {
        var (folder, certificate) = (new TempFolder(), Certificate());
        await File.WriteAllTextAsync(folder.File("tls.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("tls.key"), certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var text = Blocks(program)[block].Replace("127.0.0.1:8080", server.Authority, StringComparison.Ordinal);
        var start = program == "nginx" ? await Nginx(folder, text, port) : await Caddy(folder, text, port);
        (start.RedirectStandardError, start.RedirectStandardOutput) = (true, true);
        var proxy = new TlsProxy(folder, Process.Start(start)!, certificate);
        await proxy.Listening(port);
        return proxy;
    }

    /// <summary>A handler that trusts the certificate and nothing else.</summary>
    public HttpClientHandler Handler() => new() { ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown?.Thumbprint == _certificate.Thumbprint };

    /// <summary>A port that nobody had a moment ago: the server must know the outside's before the proxy is there.</summary>
    public static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _certificate.Dispose();
        _folder.Dispose();
    }

    private static List<string> Blocks(string language) =>
        [.. Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "proxy.md")), $"^```{language}\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(block => block.Groups[1].Value)];

    private static async Task<ProcessStartInfo> Nginx(TempFolder folder, string block, int port)
    {
        var server = block
            .Replace("listen 443 ssl", $"listen 127.0.0.1:{port} ssl", StringComparison.Ordinal)
            .Replace("images.example.org images.example.com", "localhost", StringComparison.Ordinal)
            .Replace("/etc/ssl/images.example.org.pem", folder.File("tls.pem"), StringComparison.Ordinal)
            .Replace("/etc/ssl/images.example.org.key", folder.File("tls.key"), StringComparison.Ordinal)
            .Replace("images.example.org", "localhost", StringComparison.Ordinal);
        var places = string.Join('\n', new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(kind => $"{kind}_temp_path {folder.File(kind)};"));
        await File.WriteAllTextAsync(folder.File("nginx.conf"), $$"""
            daemon off;
            master_process off;
            pid {{folder.File("nginx.pid")}};
            error_log stderr warn;
            events {}
            http {
            access_log off;
            {{places}}
            {{server}}
            }
            """);
        return new ProcessStartInfo(Program("nginx"), ["-p", folder.Path, "-e", "stderr", "-c", folder.File("nginx.conf")]);
    }

    private static async Task<ProcessStartInfo> Caddy(TempFolder folder, string block, int port)
    {
        var site = block.Replace("images.example.org {", $"https://localhost:{port} {{\n    tls {folder.File("tls.pem")} {folder.File("tls.key")}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.File("Caddyfile"), $"{{\n    admin off\n    auto_https off\n}}\n{site}");
        var start = new ProcessStartInfo(Program("caddy"), ["run", "--config", folder.File("Caddyfile"), "--adapter", "caddyfile"]);
        foreach (var name in new[] { "HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME" })
            start.Environment[name] = folder.Path;
        return start;
    }

    private static string Program(string name)
    {
        var unpacked = Path.Combine(Repository.Root, "artifacts", "proxies", "usr");
        string[] places = [.. Environment.GetEnvironmentVariable("PATH")!.Split(':'), "/usr/sbin", Path.Combine(unpacked, "sbin"), Path.Combine(unpacked, "bin")];
        return places.Select(place => Path.Combine(place, name)).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException($"There is no {name} here; run: mkdir -p artifacts/proxies && cd artifacts/proxies && apt-get download {name} && dpkg -x {name}_*.deb .");
    }

    private static X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    private async Task Listening(int port)
    {
        var log = new StringBuilder();
        var kept = Task.WhenAll(Keep(_process.StandardError, log), Keep(_process.StandardOutput, log));
        for (var patience = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (!_process.HasExited && patience.Elapsed < TimeSpan.FromSeconds(30))
            {
                // Not yet.
            }
            catch (SocketException error)
            {
                await DisposeAsync();
                await kept;
                lock (log)
                    throw new InvalidOperationException($"The proxy does not listen: {log}", error);
            }
        }
    }

    private static async Task Keep(StreamReader stream, StringBuilder log)
    {
        while (await stream.ReadLineAsync() is { } line)
        {
            lock (log)
                log.AppendLine(line);
        }
    }
}
