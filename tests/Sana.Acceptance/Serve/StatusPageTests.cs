using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>The page in a real browser, which signs in as a person does.</summary>
[Collection(ServedCollection.Name)]
public sealed class StatusPageTests(SharedServer shared)
{
    private const string Attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

    [Fact]
    public async Task The_page_shows_runs_and_images_and_runs_nobody_elses_script()
    {
        await shared.Server.Send(HttpMethod.Put, "/v1/jobs/on-the-page", SanaServer.Job(Attack, 77), ("Prefer", "wait=60"));

        var page = await Chromium.Dump(SignedIn());

        Assert.Contains("job-on-the-page", page, StringComparison.Ordinal);
        Assert.Contains("seed 77", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;document.title", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<title>owned", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img src=\"x\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_can_be_looked_at()
    {
        var png = await Chromium.Screenshot(SignedIn());

        Assert.Equal((1280, 1200), (BigEndian(png, 16), BigEndian(png, 20)));
        // An empty or broken page compresses to a few kilobytes.
        Assert.True(png.Length > 20_000, $"{png.Length} bytes");
    }

    [Fact]
    public async Task The_page_allows_itself_nothing_from_elsewhere()
    {
        using var response = await shared.Server.Http.GetAsync("/");
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        var page = await response.Content.ReadAsStringAsync();

        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-inline", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", page.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
    }

    private Uri SignedIn() => new UriBuilder(shared.Server.Address) { UserName = "me", Password = SanaServer.Key }.Uri;

    private static int BigEndian(byte[] png, int at) => System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
}
