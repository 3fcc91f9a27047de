using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Sana.Acceptance.Support;

/// <summary>Somebody who wants to know: keeps what arrives and answers as it is told.</summary>
internal sealed class WebhookReceiver : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Delivery>> _arrived = [];

    public WebhookReceiver()
    {
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            Port = ((IPEndPoint)free.LocalEndpoint).Port;
        }

        _listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        _listener.Start();
        _ = Task.Run(Listen);
    }

    public int Port { get; }

    /// <summary>The status of the answer to the n-th delivery of a path, from 0.</summary>
    public Func<string, int, int> Answer { get; set; } = (_, _) => 204;

    public string Url(string path) => $"http://127.0.0.1:{Port}/{path}";

    /// <summary>What arrived at a path, once there are so many.</summary>
    public async Task<IReadOnlyList<Delivery>> Wait(string path, int count)
    {
        for (var patience = System.Diagnostics.Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(40); await Task.Delay(50))
        {
            if (_arrived.TryGetValue($"/{path}", out var deliveries) && deliveries.Count >= count)
                return [.. deliveries];
        }

        throw new TimeoutException($"Not {count} webhooks arrived at {path}.");
    }

    public int Count(string path) => _arrived.TryGetValue($"/{path}", out var deliveries) ? deliveries.Count : 0;

    public void Dispose() => _listener.Close();

    private async Task Listen()
    {
        while (_listener.IsListening)
        {
            var context = await _listener.GetContextAsync();
            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            var path = context.Request.Url!.AbsolutePath;
            var deliveries = _arrived.GetOrAdd(path, _ => []);
            context.Response.StatusCode = Answer(path, deliveries.Count);
            deliveries.Enqueue(new Delivery(context.Request.Headers["webhook-id"]!, context.Request.Headers["webhook-timestamp"]!, context.Request.Headers["webhook-signature"]!, body.ToArray()));
            context.Response.Close();
        }
    }

    internal sealed record Delivery(string Id, string Timestamp, string Signature, byte[] Body);
}
