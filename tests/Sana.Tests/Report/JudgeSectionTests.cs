using System.Text;
using System.Text.RegularExpressions;
using Sana.Curation;
using Sana.Curation.Report;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

/// <summary>What a report shows of judges.</summary>
public sealed partial class JudgeSectionTests
{
    private static readonly JudgeCard _aesthetic = new("laion", "aesthetic", "aesthetic__laion", "ttj/head", "0", "LAION aesthetic score, about 1…10") { Min = 5, IsFraction = false };
    private static readonly JudgeCard _classifier = new("nsfw", "classifier", "classifier__nsfw", "Falconsai/nsfw", "0", "probability of nsfw") { Class = "nsfw", Max = 0.5 };
    private static readonly byte[] _image = ImageCodec.Encode(new RgbImage(8, 8, new byte[3 * 64]), ImageFormat.Jpeg);

    [Fact]
    public async Task Each_judge_has_figures_a_histogram_and_the_images_at_both_ends()
    {
        var page = await Page(Rows(40));

        Assert.Contains("""<a href="#judges">Judges</a>""", page, StringComparison.Ordinal);
        Assert.All((string[])["aesthetic__laion: 40 images, mean 5.95", "threshold 5<", "LAION aesthetic score, about 1…10</text>", "below 5", "probability of nsfw × 100", "threshold 50<", "above 0.5"],
            text => Assert.Contains(text, page, StringComparison.Ordinal));
        var section = page[page.IndexOf("id=\"judges\"", StringComparison.Ordinal)..page.IndexOf("id=\"cost\"", StringComparison.Ordinal)];
        Assert.Equal(["0.jpeg", "1.jpeg", "39.jpeg", "38.jpeg", "0.jpeg", "1.jpeg", "39.jpeg", "38.jpeg"], FileNames().Matches(section).Select(match => match.Groups[1].Value));
        Assert.Contains("4, filtered: judge_score", section, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_rows_give_the_same_section_in_any_order_and_equal_scores_go_by_key()
    {
        var rows = Rows(40).Select(row => row with { Judges = [new JudgeScore("laion", Math.Floor(row.Judges![0].Score!.Value)), row.Judges[1]] }).ToArray();

        Assert.Equal(await Page(rows), await Page([.. rows.Reverse()]));
    }

    [Fact]
    public async Task Without_numbers_there_is_no_histogram_and_without_judges_no_section()
    {
        var page = await Page([SomeRows.Of(1)[0] with { Judges = [new JudgeScore("laion", null)] }]);
        Assert.Contains("1 without a number", page, StringComparison.Ordinal);
        Assert.DoesNotContain("aesthetic__laion: ", page, StringComparison.Ordinal);

        Assert.DoesNotContain("judges", await Page(Rows(3), judges: []), StringComparison.Ordinal);
    }

    private static IndexRow[] Rows(int count) => [.. Enumerable.Range(0, count).Select(i => Judged(SomeRows.Good(0, i), 4 + (i / 10.0), i / 100.0))];

    private static IndexRow Judged(IndexRow row, double aesthetic, double nsfw) => row with
    {
        Judges = [new JudgeScore("laion", aesthetic), new JudgeScore("nsfw", nsfw)],
        Status = aesthetic < 5 ? RowStatus.Filtered : RowStatus.Success,
        Reason = aesthetic < 5 ? Reasons.JudgeScore : null,
        CaptionLabel = "prompt",
    };

    private static async Task<string> Page(IReadOnlyList<IndexRow> rows, JudgeCard[]? judges = null)
    {
        judges ??= [_aesthetic, _classifier];
        var builder = new ReportBuilder(new ReportOptions { Images = 2, ImagesPerReason = 4 }, judges);
        foreach (var row in rows)
            builder.Add(row);
        using var page = new MemoryStream();
        await builder.Write(page, ReportRows.Run with { Judges = judges }, (_, _) => Task.FromResult<byte[]?>(_image), timings: null, CancellationToken.None);
        return Encoding.UTF8.GetString(page.ToArray());
    }

    [GeneratedRegex("<figcaption><b><bdi>(.+?)</bdi>")]
    private static partial Regex FileNames();
}
