using Sana.Acceptance.Support;
using Sana.Curation;
using Sana.Curation.Report;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>The report of a run as a file in a real browser, with rows that attack it among the others.</summary>
public sealed class ReportPageTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private BrowserPage _page = null!;

    private Uri Report => new(_folder.File("report.html"));

    public async ValueTask InitializeAsync()
    {
        IndexRow[] rows = [.. HostileReportRows.Make(), .. ReportRows.Make(150)];
        var builder = new ReportBuilder();
        foreach (var row in rows)
            builder.Add(row);
        var firsts = builder.Firsts;
        foreach (var row in rows.Where(row => firsts.Contains(row.Key)))
            builder.AddFirst(row);
        await using (var file = File.Create(Report.LocalPath))
            await builder.Write(file, ReportRows.Run, static (row, _) => Task.FromResult(row.Status == "rejected" ? null : Picture(row)), ReportRows.Timings, CancellationToken.None);
        _page = await BrowserPage.Open();
    }

    public async ValueTask DisposeAsync()
    {
        await _page.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task It_fetches_nothing_and_nothing_is_complained_of()
    {
        await _page.Go(Report);

        Assert.Equal([Report.AbsoluteUri], _page.Requests);
        Assert.Empty(_page.Complaints);
        Assert.Equal("landscapes 2 · curation report", await _page.Evaluate("document.title"));
        Assert.Equal("1", await _page.Evaluate("document.scripts.length"));
    }

    [Fact]
    public async Task All_pictures_show_and_all_text_is_there()
    {
        await _page.Go(Report);

        Assert.Equal("true", await _page.Evaluate("[...document.images].every(image => (image.loading = 'eager', true)) && document.images.length > 100"));
        Assert.Equal("0", await _page.Evaluate("(await Promise.all([...document.images].map(image => image.decode().then(() => 0, () => 1)))).reduce((a, b) => a + b)"));
        var text = await _page.Evaluate("document.body.innerText");
        Assert.All(
            ["by the power rule, tau 0.1, among", HostileReportRows.Script, "safe[U+202E]txt.exe", "تظهر الصورة شجرة", "山頂に立つ一本の木", "CLIP score, 100 × cosine", "repeats IMG_", "50,000 × 50,000"],
            part => Assert.Contains(part, text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1400, false, "light")]
    [InlineData(1400, false, "dark")]
    [InlineData(420, true, "light")]
    [InlineData(420, true, "dark")]
    [InlineData(320, true, "light")]
    public async Task It_fits_the_screen(int width, bool isPhone, string scheme)
    {
        await _page.Size(width, 900, isPhone);
        await _page.Scheme(scheme);
        await _page.Go(Report);

        Assert.Equal($"{width}", await _page.Evaluate("document.documentElement.scrollWidth"));
        Assert.Equal(scheme == "dark" ? "rgb(13, 15, 20)" : "rgb(246, 247, 249)", await _page.Evaluate("getComputedStyle(document.body).backgroundColor"));
        // No card is wider than its place, whatever its caption; a table may scroll within its own.
        Assert.Equal("", await _page.Evaluate("[...document.querySelectorAll('section,article,figure,.removed,.caption')].filter(part => part.getBoundingClientRect().right > innerWidth).map(part => part.className).join()"));
    }

    [Fact]
    public async Task Without_scripts_everything_can_be_read()
    {
        await _page.Scripts(isOn: false);
        await _page.Go(Report);

        var png = await _page.Screenshot();
        Assert.True(png.Length > 20_000, $"{png.Length} bytes");
        await _page.Scripts(isOn: true);
        Assert.Equal("true", await _page.Evaluate("document.querySelector('.controls').hidden"));
        Assert.Equal("true", await _page.Evaluate("[...document.querySelectorAll('.card')].every(card => card.offsetHeight > 0)"));
        Assert.Contains("by the power rule", await _page.Evaluate("document.body.innerText"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_gallery_can_be_filtered_and_sorted()
    {
        await _page.Go(Report);

        await Choose("show", "by:VILA1-5-13B");
        Assert.Equal("VILA1-5-13B", await _page.Evaluate("[...new Set([...document.querySelectorAll('.card:not([hidden])')].map(card => card.dataset.by))].join()"));
        await Choose("show", "");
        await Choose("sort", "low");

        Assert.Equal("true", await _page.Evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.score).filter(score => score).every((score, i, all) => i === 0 || +all[i - 1] <= +score)"));
        Assert.Empty(_page.Complaints);
    }

    private Task<string> Choose(string control, string value) =>
        _page.Evaluate($"(document.forms[0]['{control}'].value = '{value}', document.forms[0].dispatchEvent(new Event('change', {{ bubbles: true }})))");

    private static byte[] Picture(IndexRow row)
    {
        var colour = System.Text.Encoding.UTF8.GetBytes(row.Key.PadLeft(3))[^3..];
        var pixels = new byte[3 * 96 * 64];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(colour[i % 3] + (i / 288));
        return ImageCodec.Encode(new RgbImage(96, 64, pixels), ImageFormat.Png);
    }
}
