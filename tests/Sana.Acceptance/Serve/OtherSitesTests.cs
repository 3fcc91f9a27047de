using System.Net;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Pages of other sites in a real browser: which may show an image, and whose scripts may ask.</summary>
public sealed class OtherSitesTests : IAsyncLifetime
{
    // Two sites, because their names differ; the server is a third.
    private readonly Site _named = new("localhost");
    private readonly Site _other = new("localhost");
    private SanaServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SanaServer.Start(new { cors_origins = new[] { _named.Address.GetLeftPart(UriPartial.Authority) } });

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _named.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task A_page_of_another_site_shows_the_image_of_a_link()
    {
        var (_, body, _) = await _server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a fox", size = "64x32", num_inference_steps = 2, response_format = "url" });
        await using var page = await BrowserPage.Open();
        await page.Go(_other.Address);

        var width = await page.Evaluate(Shown(body.GetProperty("data")[0].GetProperty("url").GetString()!));

        Assert.Equal("64", width);
    }

    [Fact]
    public async Task A_page_of_another_site_shows_nothing_else()
    {
        var (_, job, _) = await _server.Send(HttpMethod.Put, "/v1/jobs/not-shown", SanaServer.Job("a fox", 1), ("Prefer", "wait=60"));
        await using var page = await BrowserPage.Open();
        // A browser that is signed in: what keeps the image from the page is the policy, and not the key.
        await page.Authorize(SanaServer.Key);
        await page.Go(_other.Address);

        var width = await page.Evaluate(Shown(new Uri(_server.Address, $"/v1/blobs/{job.GetProperty("images")[0].GetProperty("blob").GetString()}").AbsoluteUri));

        Assert.Equal("not shown", width);
    }

    [Fact]
    public async Task Scripts_of_a_named_origin_use_the_api_and_others_do_not()
    {
        await using var page = await BrowserPage.Open();

        await page.Go(_named.Address);
        var named = await page.Evaluate(Asked("from-named"));
        var refused = await page.Evaluate($"await fetch('{_server.Address}v1/jobs').then(r=>r.status)");
        await page.Go(_other.Address);
        var other = await page.Evaluate(Asked("from-other"));

        // The answer's headers can be read too; and so can a refusal, which says what is missing.
        Assert.Equal("202 /v1/jobs/from-named", named);
        Assert.Equal("401", refused);
        Assert.Equal("TypeError", other);
        Assert.Equal(HttpStatusCode.NotFound, (await _server.Send(HttpMethod.Get, "/v1/jobs/from-other")).Status);
    }

    private static string Shown(string link) =>
        $"await new Promise(done=>{{const i=new Image();i.onload=()=>done(i.naturalWidth);i.onerror=()=>done('not shown');i.src={JsonSerializer.Serialize(link)};document.body.append(i)}})";

    private string Asked(string id) =>
        $"await fetch('{_server.Address}v1/jobs/{id}',{{method:'PUT',headers:{{'authorization':'Bearer {SanaServer.Key}','content-type':'application/json'}},body:{JsonSerializer.Serialize(JsonSerializer.Serialize(SanaServer.Job("a fox", 1)))}}}).then(r=>r.status+' '+r.headers.get('location'),e=>e.name)";

    /// <summary>A site with one empty page.</summary>
    private sealed class Site : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Site(string name)
        {
            Address = new Uri($"http://{name}:{TlsProxy.FreePort()}/");
            _listener.Prefixes.Add(Address.AbsoluteUri);
            _listener.Start();
            _ = Task.Run(Serve);
        }

        public Uri Address { get; }

        public void Dispose() => _listener.Close();

        private async Task Serve()
        {
            while (_listener.IsListening)
            {
                var context = await _listener.GetContextAsync();
                context.Response.ContentType = "text/html";
                await context.Response.OutputStream.WriteAsync("<!doctype html><title>A site</title><body>"u8.ToArray());
                context.Response.Close();
            }
        }
    }
}
