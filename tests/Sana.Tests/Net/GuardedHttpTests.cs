using System.Net;
using System.Net.Sockets;
using System.Text;
using Sana.Storage.Net;
using Xunit;

namespace Sana.Tests.Net;

public sealed class GuardedHttpTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private int _connections;

    public GuardedHttpTests() => _listener.Start();

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    [Fact]
    public async Task A_name_that_resolves_to_a_private_address_is_never_connected()
    {
        Serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        using var http = new GuardedHttp(new UrlRules { Ports = [Port] }, Names("127.0.0.1"));

        await Assert.ThrowsAsync<BlockedAddressException>(() => Get(http, $"http://looks-public.example:{Port}/"));

        Assert.Equal(0, _connections);
    }

    [Fact]
    public async Task A_name_that_changes_between_two_lookups_is_judged_by_the_address_that_is_connected()
    {
        Serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        var asked = 0;
        using var http = new GuardedHttp(new UrlRules { Ports = [Port] }, (_, _) => Task.FromResult(new[] { IPAddress.Parse(asked++ == 0 ? "127.0.0.1" : "1.1.1.1") }));

        await Assert.ThrowsAsync<BlockedAddressException>(() => Get(http, $"http://rebinding.example:{Port}/"));

        Assert.Equal((1, 0), (asked, _connections));
    }

    [Fact]
    public async Task Of_several_addresses_only_an_allowed_one_is_connected()
    {
        Serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        using var http = new GuardedHttp(Loopback, Names("10.0.0.1", "169.254.169.254", "127.0.0.1"));

        Assert.Equal("hi", Encoding.ASCII.GetString(await Get(http, $"http://many.example:{Port}/")));
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://[::1]/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://user:pw@example.com/")]
    public async Task A_redirect_is_checked_like_the_first_url(string to)
    {
        Serve($"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        using var http = new GuardedHttp(Loopback);

        await Assert.ThrowsAsync<BlockedAddressException>(() => Get(http, $"http://127.0.0.1:{Port}/"));
    }

    [Fact]
    public async Task Redirects_in_a_circle_end()
    {
        Serve("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
        using var http = new GuardedHttp(Loopback);

        await Assert.ThrowsAsync<HttpRequestException>(() => Get(http, $"http://127.0.0.1:{Port}/"));
    }

    [Fact]
    public async Task A_post_takes_a_redirect_as_its_answer()
    {
        Serve("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
        using var http = new GuardedHttp(Loopback);

        var status = await http.Post($"http://127.0.0.1:{Port}/", new StringContent("{}"), [], TimeSpan.FromSeconds(10), default);

        Assert.Equal(HttpStatusCode.TemporaryRedirect, status);
    }

    [Theory]
    [InlineData("Content-Length: 5000\r\n")]
    [InlineData("")]
    public async Task No_more_bytes_are_taken_than_asked_for(string length)
    {
        Serve($"HTTP/1.1 200 OK\r\n{length}\r\n{new string('x', 5000)}");
        using var http = new GuardedHttp(Loopback);

        await Assert.ThrowsAsync<HttpRequestException>(() => Get(http, $"http://127.0.0.1:{Port}/"));
    }

    [Fact]
    public async Task A_server_that_never_ends_meets_the_deadline()
    {
        Serve("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx", keepOpen: true);
        using var http = new GuardedHttp(Loopback);

        await Assert.ThrowsAsync<TimeoutException>(() => http.Get($"http://127.0.0.1:{Port}/", 1000, TimeSpan.FromMilliseconds(300), default));
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private UrlRules Loopback => new() { Ports = [80, Port], Networks = [IPNetwork.Parse("127.0.0.0/8")] };

    private static Func<string, CancellationToken, Task<IPAddress[]>> Names(params string[] addresses) =>
        (_, _) => Task.FromResult(Array.ConvertAll(addresses, IPAddress.Parse));

    private static Task<byte[]> Get(GuardedHttp http, string url) => http.Get(url, 1000, TimeSpan.FromSeconds(10), default);

    private void Serve(string answer, bool keepOpen = false) => _ = Task.Run(async () =>
    {
        while (!_end.IsCancellationRequested)
        {
            using var client = await _listener.AcceptTcpClientAsync(_end.Token);
            Interlocked.Increment(ref _connections);
            var stream = client.GetStream();
            _ = await stream.ReadAsync(new byte[4096], _end.Token);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), _end.Token);
            if (keepOpen)
                await Task.Delay(Timeout.Infinite, _end.Token);
        }
    });
}
