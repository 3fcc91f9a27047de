using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>One test a door.</summary>
[Collection(ServedCollection.Name)]
public sealed class SecurityTests(SharedServer shared)
{
    private SanaServer Server => shared.Server;

    [Theory]
    [InlineData("/v1/jobs")]
    [InlineData("/v1/images/generations")]
    [InlineData("/v1/blobs/runs/x/manifest.json")]
    [InlineData("/v1/blobs/runs/x/manifest.json?exp=9999999999&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("/metrics")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/")]
    [InlineData("/v1//jobs")]
    [InlineData("/V1/JOBS")]
    public async Task Without_a_key_nothing_opens(string path)
    {
        using var stranger = new HttpClient { BaseAddress = Server.Address };

        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task A_wrong_key_opens_nothing_and_is_not_logged()
    {
        using var stranger = new HttpClient { BaseAddress = Server.Address, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", "wrong-key-0123456789") } };

        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("/v1/jobs")).StatusCode);

        Assert.DoesNotContain("wrong-key", Server.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(SanaServer.Key, Server.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(SanaServer.WebhookSecret, Server.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browsers_password_opens_pages_and_changes_nothing()
    {
        using var browser = new HttpClient
        {
            BaseAddress = Server.Address,
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"me:{SanaServer.Key}"))) },
        };

        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.DeleteAsync("/v1/jobs/any")).StatusCode);
        // The page that it opened may ask for more: it has a session, which no other page can use.
        using var request = new HttpRequestMessage(HttpMethod.Delete, "/v1/jobs/any") { Headers = { { "Sec-Fetch-Site", "same-origin" } } };
        Assert.Equal(HttpStatusCode.NotFound, (await browser.SendAsync(request)).StatusCode);
    }

    [Theory]
    [InlineData("Origin", "http://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    public async Task A_page_of_another_site_changes_nothing(string header, string value) =>
        Assert.Equal(HttpStatusCode.Forbidden, (await Server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("x"), (header, value))).Status);

    [Theory]
    [InlineData("evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("")]
    public async Task A_request_for_another_host_is_refused(string host) =>
        Assert.Matches("^HTTP/1.1 400(.|\\s)*unknown_host", await Raw($"GET /v1/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {SanaServer.Key}\r\nConnection: close\r\n\r\n"));

    [Theory]
    [InlineData("GET /v1/blobs/../../journal.db HTTP/1.1")]
    [InlineData("GET /v1/blobs/runs/../../journal.db HTTP/1.1")]
    [InlineData("GET /v1/blobs/runs/%2e%2e/%2e%2e/journal.db HTTP/1.1")]
    [InlineData("GET /v1/blobs/runs/..%2f..%2f..%2fjournal.db HTTP/1.1")]
    [InlineData("GET /v1/blobs/runs/..%5c..%5cjournal.db HTTP/1.1")]
    [InlineData("GET /v1/blobs/%2fetc/passwd HTTP/1.1")]
    [InlineData("GET /v1/blobs/work/jobs/x.json HTTP/1.1")]
    [InlineData("GET /v1/blobs/.incoming/x HTTP/1.1")]
    [InlineData("GET /v1/blobs/runs/a%00.json HTTP/1.1")]
    [InlineData("GET /v1/blobs/deadletter/x HTTP/1.1")]
    [InlineData("GET /v1/jobs/..%2f..%2fetc HTTP/1.1")]
    [InlineData("GET /v1/batches/..%2fx/report HTTP/1.1")]
    public async Task No_name_leads_out_of_the_outputs(string line)
    {
        var answer = await Raw($"{line}\r\nHost: {Server.Address.Authority}\r\nAuthorization: Bearer {SanaServer.Key}\r\nConnection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 (400|404)", answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("SQLite", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_cannot_carry_another_into_the_answer()
    {
        var answer = await Raw($"PUT /v1/jobs/x%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: {Server.Address.Authority}\r\nAuthorization: Bearer {SanaServer.Key}\r\nContent-Type: application/json\r\nContent-Length: 31\r\nConnection: close\r\n\r\n{{\"input\":{{\"prompt\":\"a red fox\"}}}}");

        Assert.Matches("^HTTP/1.1 400", answer);
        Assert.DoesNotContain("\nSet-Cookie", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("/v1/jobs", 2 << 20)]
    [InlineData("/v1/images/generations", 2 << 20)]
    [InlineData("/v1/batches", 40 << 20)]
    public async Task A_huge_body_is_refused_while_it_arrives(string path, int bytes)
    {
        // Chunked: no length is announced, so the bytes themselves are counted.
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StreamContent(new MemoryStream(new byte[bytes])) { Headers = { { "Content-Type", "application/json" } } } };
        request.Headers.TransferEncodingChunked = true;
        HttpStatusCode? status = null;
        try
        {
            status = (await Server.Http.SendAsync(request)).StatusCode;
        }
        catch (HttpRequestException)
        {
            // The server closed the connection before the end was sent.
        }

        Assert.True(status is null or HttpStatusCode.RequestEntityTooLarge, $"{status}");
        Assert.Equal(HttpStatusCode.OK, (await Server.Http.GetAsync("/healthz")).StatusCode);
    }

    [Theory]
    [InlineData("", 400)]
    [InlineData("{", 400)]
    [InlineData("null", 400)]
    [InlineData("[]", 422)]
    [InlineData("\"text\"", 422)]
    [InlineData("{}", 422)]
    [InlineData("{\"input\":null}", 422)]
    [InlineData("{\"input\":{}}", 422)]
    [InlineData("{\"input\":{\"prompt\":null}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":7}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"\\u0000\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"\\ud800\"}}", -1)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"prompt\":\"y\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"colour\":1}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"width\":1e999}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"width\":65}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"width\":8192,\"height\":8192,\"seeds\":[1,2,3]}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"steps\":0}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"seeds\":[1,1]}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"seeds\":[-1]}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"guidance_scale\":1e30}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\",\"prompt_ref\":\"work/jobs/x.json\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"output\":{\"prefix\":\"runs/other/\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"output\":{\"format\":\"../png\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"callback\":{\"url\":\"http://x.example/\",\"secret_ref\":\"other\"}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"limits\":{\"max_attempts\":1000000}}", 422)]
    [InlineData("{\"input\":{\"prompt\":\"x\"},\"not_after\":\"2001-01-01T00:00:00Z\"}", 422)]
    public async Task A_body_that_cannot_be_used_is_a_problem_and_never_a_crash(string body, int expected)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        using var response = await Server.Http.PostAsync("/v1/jobs", content);

        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.True(expected < 0 ? response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity : (int)response.StatusCode == expected, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Json_nested_without_end_is_refused()
    {
        using var content = new StringContent(string.Concat(Enumerable.Repeat("{\"input\":", 100_000)), Encoding.UTF8, "application/json");

        Assert.Equal(HttpStatusCode.BadRequest, (await Server.Http.PostAsync("/v1/jobs", content)).StatusCode);
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://[::ffff:169.254.169.254]/")]
    [InlineData("http://168.63.129.16/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("https://user:pw@example.com/")]
    [InlineData("http://example.com:22/")]
    [InlineData("file:///etc/passwd")]
    public async Task A_webhook_to_a_forbidden_address_is_refused_at_the_door(string url)
    {
        var (status, problem, _) = await Server.Send(HttpMethod.Post, "/v1/jobs", new { input = new { prompt = "x" }, callback = new { url } });

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "blocked_address"), (status, problem.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task A_webhook_is_not_redirected()
    {
        shared.Receiver.Answer = (path, _) => path == "/moved" ? 302 : 204;

        await Server.Send(HttpMethod.Put, "/v1/jobs/moved", new { input = new { prompt = "x", width = 64, height = 64, steps = 2 }, callback = new { url = shared.Receiver.Url("moved") } });
        await shared.Receiver.Wait("moved", 1);

        Assert.Equal("succeeded", (await Server.Until("/v1/jobs/moved", "succeeded")).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("/etc")]
    [InlineData("../..")]
    [InlineData("photos")]
    public async Task A_source_that_is_not_configured_cannot_be_curated(string source) =>
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Server.Send(HttpMethod.Post, "/v1/datasets/d/runs", new { source })).Status);

    [Fact]
    public async Task Other_sites_get_no_permission_to_read()
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/jobs") { Headers = { { "Origin", "http://evil.example" }, { "Access-Control-Request-Method", "POST" } } };

        using var response = await Server.Http.SendAsync(request);

        Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    private async Task<string> Raw(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Server.Address.Host, Server.Address.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
