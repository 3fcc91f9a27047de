using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Sana.Curation;
using Sana.Curation.Sources;
using Sana.Storage.Net;
using Xunit;

namespace Sana.Tests.Sources;

/// <summary>Downloads over real sockets, from a server that does as it is told.</summary>
public sealed class GuardedDownloadTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();

    public GuardedDownloadTests() => _listener.Start();

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    private const string Good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

    private int _asked;
    private volatile string _request = "";

    private string Url => $"http://127.0.0.1:{Port}/a.jpg";

    [Fact]
    public async Task The_content_is_taken_whatever_its_type_says()
    {
        Serve("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Robots-Tag: googlebot: noindex\r\nContent-Length: 2\r\n\r\nhi");

        Assert.Equal("hi"u8.ToArray(), (await Get()).Bytes);
    }

    [Theory]
    [InlineData("404 Not Found", "", Reasons.NotFound)]
    [InlineData("410 Gone", "", Reasons.NotFound)]
    [InlineData("403 Forbidden", "", Reasons.DownloadFailed)]
    [InlineData("500 Oops", "", Reasons.DownloadFailed)]
    [InlineData("200 OK", "X-Robots-Tag: noai\r\n", Reasons.OptOut)]
    [InlineData("200 OK", "X-Robots-Tag: nofollow\r\nX-Robots-Tag: sana: noimageai\r\n", Reasons.OptOut)]
    [InlineData("200 OK", "Content-Length: 5000\r\n", Reasons.TooManyBytes)]
    [InlineData("200 OK", "Content-Length: 20\r\n", Reasons.DownloadFailed)]
    [InlineData("302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n", Reasons.BlockedAddress)]
    [InlineData("302 Found", "Location: http://[::ffff:10.0.0.1]/\r\n", Reasons.BlockedAddress)]
    [InlineData("302 Found", "Location: file:///etc/passwd\r\n", Reasons.BlockedAddress)]
    [InlineData("302 Found", "Location: /again\r\n", Reasons.DownloadFailed)]
    [InlineData("rubbish", "", Reasons.DownloadFailed)]
    public async Task What_a_server_does_wrong_is_a_reason(string status, string headers, string reason)
    {
        Serve($"HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\nhi");

        var answer = await Get();

        Assert.Equal((null, reason), (answer.Bytes, answer.Reason));
        Assert.EndsWith(".", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost/a.jpg")]
    [InlineData("http://168.63.129.16/a.jpg")]
    [InlineData("http://[64:ff9b::7f00:1]/a.jpg")]
    [InlineData("http://[2002:7f00:1::]/a.jpg")]
    [InlineData("ftp://example.com/a.jpg")]
    [InlineData("http://user:secret@example.com/a.jpg")]
    [InlineData("http://example.com:22/a.jpg")]
    [InlineData("not a url")]
    [InlineData("http://")]
    [InlineData("")]
    public async Task A_url_that_may_not_be_used_is_blocked(string url)
    {
        using var http = new GuardedHttp(new UrlRules());

        var answer = await new GuardedDownload(http, new DownloadOptions()).Get(url, default);

        Assert.Equal((null, Reasons.BlockedAddress), (answer.Bytes, answer.Reason));
        Assert.DoesNotContain("secret", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_owner_who_opts_out_is_passed_over_only_when_asked()
    {
        Serve("HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\nContent-Length: 2\r\n\r\nhi");

        Assert.Equal("hi"u8.ToArray(), (await Get(new DownloadOptions { IgnoreOptOut = true })).Bytes);
    }

    [Fact]
    public async Task A_body_that_drips_for_ever_meets_the_deadline()
    {
        Serve("HTTP/1.1 200 OK\r\n\r\n", after: "x", repeat: TimeSpan.FromMilliseconds(20));

        Assert.Equal(Reasons.DownloadTimeout, (await Get(new DownloadOptions { Deadline = TimeSpan.FromMilliseconds(300) })).Reason);
    }

    [Fact]
    public async Task A_body_that_never_ends_meets_the_limit()
    {
        Serve("HTTP/1.1 200 OK\r\n\r\n", after: new string('x', 64 * 1024), repeat: TimeSpan.Zero);

        Assert.Equal(Reasons.TooManyBytes, (await Get(new DownloadOptions { MaxBytes = 10_000_000 })).Reason);
    }

    [Fact]
    public async Task Where_nobody_listens_the_download_fails()
    {
        _listener.Stop();

        Assert.Equal(Reasons.DownloadFailed, (await Get()).Reason);
    }

    [Fact]
    public async Task A_run_that_is_stopped_stops()
    {
        Serve("HTTP/1.1 200 OK\r\n\r\n", after: "x", repeat: TimeSpan.FromMilliseconds(20));
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Get(cancellationToken: stop.Token));
    }

    [Theory]
    [InlineData("429 Too Many Requests", "Retry-After: 0\r\n")]
    [InlineData("503 Service Unavailable", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n")]
    public async Task A_server_that_is_busy_is_asked_again(string status, string headers)
    {
        var busy = $"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n";
        Serve([busy, busy, busy, Good]);

        Assert.Equal("hi"u8.ToArray(), (await Get()).Bytes);
        Assert.Equal(4, _asked);
    }

    [Fact]
    public async Task A_server_that_stays_busy_is_asked_so_often_and_no_more()
    {
        Serve("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        var answer = await Get();

        Assert.Equal((Reasons.DownloadFailed, "The URL answers 503.", 4), (answer.Reason, answer.Message, _asked));
    }

    [Fact]
    public async Task A_pause_that_is_longer_than_a_request_may_take_is_not_waited_for()
    {
        Serve("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.Equal((Reasons.DownloadFailed, 1), ((await Get()).Reason, _asked));
    }

    [Fact]
    public async Task Without_a_time_the_pauses_grow_from_a_second()
    {
        var clock = new FakeTimeProvider();
        Serve(["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", Good]);

        var answer = Get(clock: clock);
        while (!answer.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal(("hi", 2), (Encoding.ASCII.GetString((await answer).Bytes!), _asked));
    }

    [Fact]
    public async Task A_blank_in_a_path_and_letters_of_other_scripts_arrive_encoded()
    {
        Serve(Good);

        Assert.NotNull((await Get(path: "/my photos/猫 1.jpg")).Bytes);
        Assert.StartsWith("GET /my%20photos/%E7%8C%AB%201.jpg HTTP", _request, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_outside_their_range_are_refused()
    {
        using var http = new GuardedHttp(new UrlRules());

        Assert.Throws<SanaException>(() => new GuardedDownload(http, new DownloadOptions { Deadline = TimeSpan.Zero }));
        Assert.Throws<SanaException>(() => new GuardedDownload(http, new DownloadOptions { MaxBytes = 0 }));
        Assert.Throws<SanaException>(() => new GuardedDownload(http, new DownloadOptions { Attempts = 0 }));
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task<Sana.Curation.Sources.Downloaded> Get(
        DownloadOptions? options = null, TimeProvider? clock = null, string? path = null, CancellationToken cancellationToken = default)
    {
        using var http = new GuardedHttp(new UrlRules { Networks = [IPNetwork.Parse("127.0.0.0/8")], AllPortsOfNetworks = true });
        var url = path is null ? Url : $"http://127.0.0.1:{Port}{path}";
        return await new GuardedDownload(http, options ?? new DownloadOptions { MaxBytes = 1000 }, clock).Get(url, cancellationToken);
    }

    private void Serve(string answer, string? after = null, TimeSpan repeat = default) => Serve([answer], after, repeat);

    // The answers one after the other, the last one for ever.
    private void Serve(string[] answers, string? after = null, TimeSpan repeat = default) => _ = Task.Run(async () =>
    {
        while (!_end.IsCancellationRequested)
        {
            using var client = await _listener.AcceptTcpClientAsync(_end.Token);
            var stream = client.GetStream();
            var request = new byte[4096];
            _request = Encoding.ASCII.GetString(request.AsSpan(0, await stream.ReadAsync(request, _end.Token)));
            var answer = answers[Math.Min(_asked, answers.Length - 1)];
            Interlocked.Increment(ref _asked);
            try
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), _end.Token);
                while (after is not null)
                {
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(after), _end.Token);
                    if (repeat > TimeSpan.Zero)
                        await Task.Delay(repeat, _end.Token);
                }
            }
            catch (IOException)
            {
                // The reader has had enough.
            }
        }
    });
}
