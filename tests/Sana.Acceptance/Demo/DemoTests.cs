using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Demo;

/// <summary>What a newcomer runs first: the whole program with the models that ship with it, and its page in a real browser.</summary>
public sealed class DemoTests : IDisposable
{
    private const int Images = 30;

    // Images of the dataset that the page shows with their captions.
    private const int Shown = 16;

    // Prompts that are painted with the adapter too.
    private const int Restyled = 8;

    // Prompts of which four candidates are painted.
    private const int Chosen = 22;

    // Prompts that ask for a card with a word.
    private const int Withheld = 2;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_bare_folder_becomes_a_page_with_captions_scores_and_images()
    {
        var place = _folder.File("demo");
        var made = await Demo(place);

        Assert.True(made.ExitCode == 0, made.Error);
        ProgressLines.EndAtTheirTotals(made.Error, "curate", "generate", "restyle", "choose");
        var report = JsonDocument.Parse(made.Output).RootElement;
        Assert.Equal(24 - Withheld + Restyled + Chosen, report.GetProperty("images").GetInt32());
        // The copy and the file that is cut off are left out, and what judges object to, each with its reason.
        var rows = new Curated(Path.Combine(place, "blobs"), "still-lifes", "v1").Rows();
        var left = rows.Count(row => row.Status == "filtered");
        Assert.Equal(3, left);
        Assert.Equal(Images - left, report.GetProperty("captioned").GetInt32());
        Assert.Equal(["duplicate", "rejected"], rows.Where(row => row.Status is not ("success" or "filtered")).Select(row => row.Status).Order(StringComparer.Ordinal));
        Assert.All(rows.Where(row => row.Status is "success" or "filtered"), row => Assert.Equal(["lettering", "tidiness"], (row.Judges ?? []).Select(judge => judge.Label)));
        Assert.All(rows.Where(row => row.Status == "success"), row => Assert.Equal(row.Candidates.Max(one => one.Score), row.CaptionScore));

        await using var page = await BrowserPage.Open();
        await page.Size(420, 900, isPhone: true);
        await page.Go(new Uri(report.GetProperty("page").GetString()!));
        Assert.Single(page.Requests);
        Assert.Empty(page.Complaints);
        Assert.Equal($"{24 - Withheld}", await page.Evaluate("document.querySelectorAll('.gallery:not(.left) figure img').length"));
        Assert.Equal($"{Withheld}", await page.Evaluate("[...document.querySelectorAll('.withheld')].filter(one => one.textContent.includes('a sign that says') && one.textContent.includes('above 0.5')).length"));
        Assert.Equal($"{left}", await page.Evaluate("document.querySelectorAll('.left figure img').length"));
        Assert.Equal($"{2 * Restyled}", await page.Evaluate("document.querySelectorAll('.pairs:not(.chosen) figure img').length"));
        Assert.Equal($"{2 * Chosen}", await page.Evaluate("document.querySelectorAll('.chosen figure img').length"));
        Assert.Equal("0", await page.Evaluate("[...document.querySelectorAll('.pairs:not(.chosen) figure')].filter(pair => pair.querySelectorAll('img')[0].src === pair.querySelectorAll('img')[1].src).length"));
        Assert.Equal($"{Shown}", await page.Evaluate("document.querySelectorAll('.row').length"));
        Assert.Equal("0", await page.Evaluate("[...document.images].filter(image => image.naturalWidth !== 128).length"));
        Assert.Equal("420", await page.Evaluate("document.documentElement.scrollWidth"));
    }

    [Fact]
    public async Task The_same_demo_is_the_same_page()
    {
        await Demo(_folder.File("one"));
        await Demo(_folder.File("two"));

        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_folder.File("one"), "index.html")), await File.ReadAllBytesAsync(Path.Combine(_folder.File("two"), "index.html")));
    }

    private static Task<Finished> Demo(string place) => SanaProgram.Run("demo", "--out", place, "--images", $"{Images}", "--json");
}
