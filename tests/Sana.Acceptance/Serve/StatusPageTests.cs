using System.Globalization;
using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The pages in a real browser, used as a person uses them.</summary>
[Collection(ServedCollection.Name)]
public sealed class StatusPageTests(SharedServer shared) : IAsyncLifetime
{
    private const string Attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

    private BrowserPage _page = null!;

    private SanaServer Server => shared.Server;

    public async ValueTask InitializeAsync() => _page = await BrowserPage.Open();

    public async ValueTask DisposeAsync() => await _page.DisposeAsync();

    [Fact]
    public async Task A_person_is_asked_for_the_key_and_signs_in_with_it()
    {
        await _page.Go(Server.Address);
        Assert.Equal("password", await _page.Evaluate("document.activeElement.type"));

        await _page.Type("not-the-key-0123456789");
        await _page.Press("Enter");
        await _page.Until("document.getElementById('why').textContent === 'This is not the key.'");
        await SignIn();

        Assert.Contains("Runs", await _page.Evaluate("document.querySelector('main').innerText.replace('RUNS', 'Runs')"), StringComparison.Ordinal);
        // No script can read what the browser keeps, and it is not the key.
        Assert.Equal("", await _page.Evaluate("document.cookie"));
        Assert.Equal("0", await _page.Evaluate("localStorage.length + sessionStorage.length"));

        await _page.GoBy("document.querySelector('[data-reload]').click()");
        Assert.Equal("true", await _page.Evaluate("!!document.getElementById('signin')"));
    }

    [Fact]
    public async Task The_form_makes_images_with_the_keyboard_alone_and_shows_them_below()
    {
        await _page.Go(Server.Address);
        await SignIn();
        _page.Complaints.Clear();

        await _page.Evaluate("document.getElementById('prompt').focus()");
        await _page.Type($"a hare {Attack}");
        foreach (var value in (string[])["64", "64", "2", "18446744073709551615", "2"])
        {
            await _page.Press("Tab");
            await _page.Type(value);
        }

        await _page.Press("Enter");
        await _page.Until("document.querySelectorAll('#result img').length === 2 && [...document.querySelectorAll('#result img')].every(image => image.naturalWidth === 64)");
        await _page.Until("document.querySelector('#runs').innerText.includes('a hare')");

        var result = await _page.Evaluate("document.getElementById('result').innerText");
        Assert.Contains($"a hare {Attack}", result, StringComparison.Ordinal);
        // A seed has more digits than a script's numbers; after the last one comes the first.
        Assert.Contains("seed 18446744073709551615", result, StringComparison.Ordinal);
        Assert.Contains("seed 0", result, StringComparison.Ordinal);
        Assert.Contains("2 steps", result, StringComparison.Ordinal);

        // A reload finds it again, and its page has it too.
        await _page.GoBy("location.reload()");
        await _page.Until("document.querySelectorAll('#result img').length === 2");
        await _page.GoBy("[...document.querySelectorAll('#runs .name a')].find(link => link.innerText.includes('a hare')).click()");
        Assert.Equal($"a hare {Attack}", await _page.Evaluate("document.querySelector('h1').innerText"));
        Assert.StartsWith("a hare <script>", await _page.Evaluate("document.title"), StringComparison.Ordinal);
        Assert.Equal("0", await _page.Evaluate("document.querySelectorAll('img[src=x]').length"));
        Assert.Empty(_page.Complaints);
        Assert.All(_page.Requests, address => Assert.Equal(Server.Address.Authority, new Uri(address).Authority));
    }

    [Fact]
    public async Task The_form_says_what_cannot_be_made()
    {
        await _page.Go(Server.Address);
        await SignIn();

        await _page.Evaluate("(document.forms.make.elements.prompt.value = 'a fox', document.forms.make.elements.width.value = '8192', document.forms.make.elements.height.value = '8192', document.forms.make.elements.count.value = '2', document.forms.make.requestSubmit())");
        await _page.Until("document.getElementById('note').textContent !== ''");

        Assert.Contains("pixels", await _page.Evaluate("document.getElementById('note').textContent"), StringComparison.Ordinal);
        Assert.Equal("true", await _page.Evaluate("document.getElementById('result').hidden"));
    }

    [Theory]
    [InlineData(1400, false, "light")]
    [InlineData(1400, false, "dark")]
    [InlineData(400, true, "light")]
    [InlineData(400, true, "dark")]
    [InlineData(320, true, "light")]
    public async Task The_pages_fit_the_screen(int width, bool isPhone, string scheme)
    {
        await Server.Send(HttpMethod.Put, "/v1/jobs/on-the-page", SanaServer.Job(new string('w', 200) + Attack, 77), ("Prefer", "wait=60"));
        await _page.Size(width, 900, isPhone);
        await _page.Scheme(scheme);
        await _page.Go(Server.Address);
        Assert.Equal(Wide(width), await _page.Evaluate("document.documentElement.scrollWidth"));
        await SignIn();

        foreach (var path in (string[])["/", "/runs/job-on-the-page", "/runs/nothing"])
        {
            await _page.Go(new Uri(Server.Address, path));
            Assert.Equal(Wide(width), await _page.Evaluate("document.documentElement.scrollWidth"));
            Assert.Equal(scheme == "dark" ? "rgb(13, 15, 20)" : "rgb(246, 247, 249)", await _page.Evaluate("getComputedStyle(document.body).backgroundColor"));
            Assert.Equal("", await _page.Evaluate("[...document.querySelectorAll('section,article,figure,button,input,textarea')].filter(part => part.getBoundingClientRect().right > innerWidth).map(part => part.outerHTML).join()"));
            // A finger needs room, and a phone zooms into fields with smaller letters.
            if (isPhone)
                Assert.Equal("", await _page.Evaluate("[...document.querySelectorAll('input,textarea,button:not(.link)')].filter(part => part.getBoundingClientRect().height < 34 || (part.matches('input,textarea') && parseFloat(getComputedStyle(part).fontSize) < 16)).map(part => part.outerHTML).join()"));
        }

        // An empty or broken page compresses to a few kilobytes.
        Assert.True((await _page.Screenshot()).Length > 10_000);
    }

    [Fact]
    public async Task The_page_allows_itself_nothing_from_elsewhere_and_names_where_clients_go()
    {
        using var response = await Server.Http.GetAsync("/");
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        var page = await response.Content.ReadAsStringAsync();

        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-inline", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=\"http", page);
        Assert.Contains($"<code id=\"base\">{Server.Address}v1</code>", page, StringComparison.Ordinal);
        Assert.Contains($"curl {Server.Address}v1/images/generations", page, StringComparison.Ordinal);
        Assert.Contains($"base_url=&quot;{Server.Address}v1&quot;", page, StringComparison.Ordinal);
        Assert.Contains("$SANA_API_KEY", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_signed_in_may_change_something_from_the_page_alone()
    {
        using var browser = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = Server.Address };
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Post, "/session"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Post, "/session", ("Authorization", "Bearer not-the-key-0123456789")));

        using var opened = await browser.SendAsync(Request(HttpMethod.Post, "/session", ("Authorization", $"Bearer {SanaServer.Key}")));
        var given = opened.Headers.GetValues("Set-Cookie").Single();
        var cookie = ("Cookie", given.Split(';')[0]);

        Assert.Matches("httponly", given);
        Assert.Matches("samesite=lax", given);
        Assert.DoesNotContain(SanaServer.Key, given, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await Send(HttpMethod.Get, "/v1/jobs", cookie));
        Assert.Equal(HttpStatusCode.NotFound, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie, ("Sec-Fetch-Site", "same-origin")));
        Assert.Equal(HttpStatusCode.NotFound, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie, ("Origin", Server.Address.GetLeftPart(UriPartial.Authority))));
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie, ("Sec-Fetch-Site", "none")));
        Assert.Equal(HttpStatusCode.Forbidden, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie, ("Sec-Fetch-Site", "cross-site")));
        Assert.Equal(HttpStatusCode.Forbidden, await Send(HttpMethod.Delete, "/v1/jobs/not-there", cookie, ("Origin", "http://evil.example")));
        // Another time under the same signature, and a link that opens an image, are no sessions.
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Get, "/v1/jobs", ("Cookie", cookie.Item2.Replace("=", "=9", StringComparison.Ordinal))));
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(HttpMethod.Get, "/v1/jobs", ("Cookie", $"sana-session-{Server.Address.Port}={await Link()}")));

        HttpRequestMessage Request(HttpMethod method, string path, params (string Name, string Value)[] headers)
        {
            var request = new HttpRequestMessage(method, path);
            foreach (var (name, value) in headers)
                request.Headers.TryAddWithoutValidation(name, value);
            return request;
        }

        async Task<HttpStatusCode> Send(HttpMethod method, string path, params (string Name, string Value)[] headers)
        {
            using var answer = await browser.SendAsync(Request(method, path, headers));
            return answer.StatusCode;
        }
    }

    /// <summary>The signature of a link to an image, in a session's form.</summary>
    private async Task<string> Link()
    {
        var job = (await Server.Send(HttpMethod.Put, "/v1/jobs/a-link", SanaServer.Job("a fox", 5), ("Prefer", "wait=60"))).Body;
        var query = new Uri(job.GetProperty("images")[0].GetProperty("url").GetString()!).Query;
        return query.Replace("?exp=", "", StringComparison.Ordinal).Replace("&sig=", ".", StringComparison.Ordinal);
    }

    private async Task SignIn()
    {
        await _page.Evaluate("document.getElementById('key').select()");
        await _page.Type(SanaServer.Key);
        await _page.GoBy("document.getElementById('signin').requestSubmit()");
    }

    private static string Wide(int width) => width.ToString(CultureInfo.InvariantCulture);
}
