using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using Sana.Curation;
using Sana.Curation.Report;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

[Collection("measured alone")]
public sealed partial class ReportBuilderTests
{
    private static readonly byte[] _image = Noise();

    [Fact]
    public async Task The_page_tells_the_run_from_top_to_bottom()
    {
        var page = await Page(ReportRows.Make(400), ReportRows.Timings);

        Assert.All(
            ["landscapes</bdi>", "openai/clip-vit-large-patch14", "power, tau 0.1, seed 42", "InternVL2-26B", "CC-BY-NC-4.0", "The owner calls it:", "CLIP score, 100 × cosine", "42:30 min", "0.78/s",
            "by the power rule, tau 0.1, among", "caption_refusal", "I&#x27;m sorry, but", "scores disagree", "too_many_pixels", "50,000 × 50,000", "The file begins as HTML.", "repeats <bdi>IMG_", "captioner_timeout"],
            part => Assert.Contains(part, page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_same_rows_give_the_same_bytes_in_any_order()
    {
        var rows = ReportRows.Make(600).ToArray();

        var forth = await Page(rows);
        Random.Shared.Shuffle(rows);

        Assert.Equal(forth, await Page(rows));
    }

    [Fact]
    public async Task Only_the_throughput_depends_on_the_clock()
    {
        var rows = ReportRows.Make(300).ToArray();

        var (with, without) = (await Page(rows, ReportRows.Timings), await Page(rows));

        Assert.NotEqual(with, without);
        Assert.Equal(Throughput().Replace(without, ""), Throughput().Replace(with, ""));
    }

    [Fact]
    public async Task Text_from_outside_stays_text()
    {
        var page = await Page(HostileReportRows.Make());

        Assert.Equal(1, Occurrences(page, "<script>"));
        Assert.Equal(1, Occurrences(page, "</html>"));
        Assert.Equal(1, Occurrences(page, "<style>"));
        Assert.DoesNotContain("onerror=\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<svg onload", page, StringComparison.Ordinal);
        Assert.DoesNotMatch(ControlOrTurning(), page);
        Assert.True(page.Length < 400_000 + (2 * 11 * 90_000), $"{page.Length} letters");
        Assert.Contains("(98,000 more)", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_stays_within_its_limit_and_says_what_is_missing()
    {
        var page = await Page(ReportRows.Make(2_000), options: new ReportOptions { MaxBytes = 1_000_000, ThumbnailQuality = 90 });

        Assert.InRange(Encoding.UTF8.GetByteCount(page), 500_000, 1_000_000);
        Assert.Contains("More do not fit into a page of 1 MB.", page, StringComparison.Ordinal);
        Assert.Contains("similar_to</code>", page, StringComparison.Ordinal);
        Assert.EndsWith("</html>\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_shown_images_are_opened()
    {
        ConcurrentBag<string> opened = [];
        var builder = Built(ReportRows.Make(2_000), new ReportOptions { Images = 20, ImagesPerReason = 2 });

        await builder.Write(Stream.Null, ReportRows.Run, (row, _) =>
        {
            opened.Add(row.Key);
            return Task.FromResult<byte[]?>(null);
        }, null, CancellationToken.None);

        Assert.InRange(opened.Count, 22, 20 + (2 * 2 * 8));
    }

    [Fact]
    public async Task Images_are_read_at_once_and_shown_in_order()
    {
        var rows = ReportRows.Make(100).ToArray();
        var builder = Built(rows);
        var second = new TaskCompletionSource();
        var opened = 0;
        using var page = new MemoryStream();

        await builder.Write(page, ReportRows.Run, async (row, _) =>
        {
            if (Interlocked.Increment(ref opened) == 2)
                second.SetResult();
            await second.Task;
            return row.Status == "rejected" ? null : _image;
        }, null, CancellationToken.None);

        Assert.Equal(await Page(rows), Encoding.UTF8.GetString(page.ToArray()));
    }

    [Fact]
    public async Task A_duplicate_stands_beside_its_first_image_or_names_it()
    {
        var first = ReportRows.Make(1).First() with { Key = "first-key", SourceUri = "in/first.jpg" };
        var duplicate = first with { Key = "00000-0009", SourceUri = "in/second.jpg", Status = "duplicate", Reason = "duplicate_of", DuplicateOf = "first-key", Candidates = [] };
        var builder = Built([first, duplicate]);

        Assert.Equal(["first-key"], builder.Firsts);
        Assert.Contains("repeats <bdi>first.jpg", await Write(builder), StringComparison.Ordinal);
        Assert.Contains("repeats <bdi>first-key", await Page([duplicate]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_dataset_has_a_page()
    {
        var page = await Page([]);

        Assert.Contains("No image has a caption.", page, StringComparison.Ordinal);
        Assert.Contains("Nothing was.", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_are_not_shown_are_not_kept()
    {
        var builder = new ReportBuilder(new ReportOptions { Images = 50 });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (var row in ReportRows.Make(20_000))
            builder.Add(row with { Candidates = [.. row.Candidates, new Candidate { Label = "long", Text = new string('w', 5_000), Score = 25 }] });

        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;

        // The rows together hold 190 MB of that text alone.
        Assert.True(kept < 60_000_000, $"{kept:N0} bytes");
        GC.KeepAlive(builder);
    }

    [Theory]
    [InlineData(5_001, 12, 320, 72, 15_000_000, "Images is 5001; give 0…5000")]
    [InlineData(200, 201, 320, 72, 15_000_000, "ImagesPerReason is 201; give 0…200")]
    [InlineData(200, 12, 63, 72, 15_000_000, "ThumbnailSide is 63; give 64…1024")]
    [InlineData(200, 12, 320, 0, 15_000_000, "ThumbnailQuality is 0; give 1…100")]
    [InlineData(200, 12, 320, 72, 999_999, "MaxBytes is 999999; give 1000000…500000000")]
    public void An_option_out_of_range_is_refused(int images, int perReason, int side, int quality, long bytes, string sentence)
    {
        var options = new ReportOptions { Images = images, ImagesPerReason = perReason, ThumbnailSide = side, ThumbnailQuality = quality, MaxBytes = bytes };

        Assert.Contains(sentence, Assert.Throws<CurationException>(() => new ReportBuilder(options)).Message, StringComparison.Ordinal);
    }

    [GeneratedRegex("""<section><h2>Throughput</h2>.*?</section>""", RegexOptions.Singleline)]
    private static partial Regex Throughput();

    [GeneratedRegex(@"[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]")]
    private static partial Regex ControlOrTurning();

    private static Task<string> Page(IEnumerable<IndexRow> rows, ReportTimings? timings = null, ReportOptions? options = null) => Write(Built([.. rows], options), timings);

    private static ReportBuilder Built(IEnumerable<IndexRow> rows, ReportOptions? options = null)
    {
        var all = rows.ToList();
        var builder = new ReportBuilder(options ?? new ReportOptions { Images = 40, ImagesPerReason = 3 });
        all.ForEach(builder.Add);
        var firsts = builder.Firsts;
        all.FindAll(row => firsts.Contains(row.Key)).ForEach(builder.AddFirst);
        return builder;
    }

    private static async Task<string> Write(ReportBuilder builder, ReportTimings? timings = null)
    {
        using var page = new MemoryStream();
        await builder.Write(page, ReportRows.Run, (row, _) => Task.FromResult(row.Status == "rejected" ? null : _image), timings, CancellationToken.None);
        return Encoding.UTF8.GetString(page.ToArray());
    }

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;

    private static byte[] Noise()
    {
        var pixels = new byte[3 * 400 * 300];
        new Random(3).NextBytes(pixels);
        return ImageCodec.Encode(new RgbImage(400, 300, pixels), ImageFormat.Jpeg, quality: 40);
    }
}
