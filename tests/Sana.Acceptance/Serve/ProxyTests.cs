using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Behind a real nginx and a real Caddy with TLS, at the root and under a path, as docs/proxy.md says.</summary>
[Collection(WaysInCollection.Name)]
public sealed class ProxyTests(WaysIn waysIn)
{
    public static TheoryData<string> Proxies => ["nginx", "nginx, path", "nginx, forwarded", "caddy", "caddy, path"];

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Links_are_the_outsides_and_open(string proxy)
    {
        var way = await waysIn.To(proxy);
        using var http = way.Client();
        using var stranger = way.Client(hasKey: false);

        using var answer = await http.PostAsJsonAsync("v1/images/generations", new { prompt = "a fox", size = "64x64", num_inference_steps = 2, response_format = "url" });

        var link = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("data")[0].GetProperty("url").GetString()!;
        Assert.StartsWith($"{way.Api}/blobs/", link, StringComparison.Ordinal);
        using var image = await stranger.GetAsync(new Uri(link));
        Assert.Equal((HttpStatusCode.OK, "image/png"), (image.StatusCode, image.Content.Headers.ContentType!.MediaType));
        Assert.Equal("cross-origin", image.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task A_jobs_own_address_leads_back_to_it(string proxy)
    {
        var way = await waysIn.To(proxy);
        using var http = way.Client();

        using var made = await http.PutAsJsonAsync("v1/jobs/led-back", SanaServer.Job("a fox", 1));

        Assert.Equal(HttpStatusCode.Accepted, made.StatusCode);
        Assert.Equal($"{way.Page.AbsolutePath}v1/jobs/led-back", made.Headers.Location!.ToString());
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(made.Headers.Location)).StatusCode);
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task Pages_of_the_outsides_address_may_ask_and_no_others(string proxy)
    {
        var way = await waysIn.To(proxy);
        using var http = way.Client();

        Assert.Equal(HttpStatusCode.Accepted, await Ask(http, "v1/jobs", way.Page.GetLeftPart(UriPartial.Authority)));
        Assert.Equal(HttpStatusCode.Forbidden, await Ask(http, "v1/jobs", "https://evil.example"));
        // Who asks the server itself comes from there.
        Assert.Equal(HttpStatusCode.Accepted, await Ask(way.Server.Http, "/v1/jobs", way.Server.Address.GetLeftPart(UriPartial.Authority)));
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task What_a_client_says_of_proxies_is_not_believed(string proxy)
    {
        var way = await waysIn.To(proxy);
        using var http = way.Client();
        http.DefaultRequestHeaders.Add("X-Forwarded-Host", "evil.example");
        http.DefaultRequestHeaders.Add("X-Forwarded-Prefix", "/evil");
        http.DefaultRequestHeaders.Add("Forwarded", "host=evil.example;proto=http");

        using var answer = await http.PutAsJsonAsync("v1/jobs/not-believed", SanaServer.Job("a fox", 1));

        Assert.Equal($"{way.Page.AbsolutePath}v1/jobs/not-believed", answer.Headers.Location!.ToString());
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task A_body_of_megabytes_comes_through(string proxy)
    {
        using var http = (await waysIn.To(proxy)).Client();
        using var content = new StringContent($"\"{new string('x', 2 << 20)}\"", Encoding.UTF8, "application/json");

        using var answer = await http.PostAsync("v1/batches", content);

        // A text is no batch, which only the server can say.
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.True(answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{answer.StatusCode}");
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task The_page_works(string proxy)
    {
        var way = await waysIn.To(proxy);
        await way.Server.Send(HttpMethod.Put, "/v1/jobs/on-the-page", SanaServer.Job("a fox", 1), ("Prefer", "wait=60"));
        await using var page = await BrowserPage.Open("--ignore-certificate-errors");
        await page.Authorize(SanaServer.Key);

        await page.Go(way.Page);
        var images = await page.Evaluate("await Promise.all([...document.images].map(i=>(i.loading='eager',i.decode().then(()=>'shown',()=>'broken'))))");
        var broken = await page.Evaluate(
            "(await Promise.all([...document.querySelectorAll('a')].map(a=>fetch(a.href,{redirect:'error'}).then(r=>r.ok?'':a.href,()=>a.href)))).filter(a=>a)");

        Assert.Matches("^shown(,shown)*$", images);
        Assert.Equal("", broken);
        Assert.All(page.Requests, request => Assert.StartsWith(way.Page.AbsoluteUri, request, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Proxies))]
    public async Task The_document_names_the_outsides_address(string proxy)
    {
        var way = await waysIn.To(proxy);
        using var http = way.Client();

        var document = JsonDocument.Parse(await http.GetStringAsync("openapi/v1.json")).RootElement;

        Assert.Equal(way.Page.AbsoluteUri.TrimEnd('/'), document.GetProperty("servers")[0].GetProperty("url").GetString()!.TrimEnd('/'));
        Assert.Equal("Ask a job to stop.", document.GetProperty("paths").GetProperty("/v1/jobs/{id}").GetProperty("delete").GetProperty("summary").GetString());
        Assert.NotEmpty(document.GetProperty("components").GetProperty("schemas").GetProperty("JobView").GetProperty("description").GetString()!);
    }

    [Fact]
    public async Task Another_host_is_answered_with_the_setting()
    {
        var way = await waysIn.To("nginx");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(way.Server.Address, "/v1/jobs")) { Headers = { Host = "evil.example" } };
        using var plain = new HttpClient();

        using var answer = await plain.SendAsync(request);

        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((HttpStatusCode.BadRequest, "unknown_host"), (answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.Contains("'evil.example'; name it in hosts of sana.json, or set public_url", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", "https://images.example.org")]
    [InlineData("10.1.0.0/16", null)]
    public async Task Forwarded_counts_when_it_comes_from_a_named_proxy(string proxy, string? expected)
    {
        await using var server = await SanaServer.Start(new { trusted_proxies = new[] { proxy }, forwarded_headers = "forwarded", hosts = new[] { "images.example.org" } });

        var (_, body, _) = await server.Send(
            HttpMethod.Post,
            "/v1/images/generations",
            new { prompt = "a fox", size = "64x64", num_inference_steps = 2, response_format = "url" },
            ("Forwarded", "host=evil.example, for=192.0.2.60;proto=https;host=\"images.example.org\""),
            ("X-Forwarded-Host", "evil.example"));

        Assert.StartsWith($"{expected ?? server.Address.GetLeftPart(UriPartial.Authority)}/v1/blobs/", body.GetProperty("data")[0].GetProperty("url").GetString(), StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> Ask(HttpClient http, string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(SanaServer.Job("a fox", 1)), Headers = { { "Origin", origin } } };
        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }
}
