using Sana.Curation;
using Sana.Curation.Ingest;
using Xunit;

namespace Sana.Tests.Ingest;

public sealed class FilterRulesTests
{
    private const ulong Telling = 0x0F0F_3C3C_55AA_9966;
    private static readonly string Sha256 = new('a', 64);

    [Theory]
    [InlineData(200, 600, null)]
    [InlineData(600, 200, null)]
    [InlineData(199, 300, "too_small")]
    [InlineData(300, 199, "too_small")]
    [InlineData(200, 601, "aspect")]
    [InlineData(601, 200, "aspect")]
    public void The_basic_preset_has_the_limits_of_datacomp_for_images(int width, int height, string? reason) =>
        Assert.Equal(reason, FilterRules.Preset("datacomp-basic").Judge(Image(width, height))?.Reason);

    [Theory]
    [InlineData("a red cat", null)]
    [InlineData("two words", "caption_length")]
    [InlineData("  two   words  ", "caption_length")]
    [InlineData("a b c", "caption_length")]
    [InlineData("a b cd", null)]
    [InlineData("🐼 🐼 🐼", "caption_length")] // five characters, however many bytes
    [InlineData("", "caption_length")]
    public void The_basic_preset_has_the_limits_of_datacomp_for_captions(string caption, string? reason) =>
        Assert.Equal(reason, FilterRules.DataCompBasic.Judge(caption)?.Reason);

    [Fact]
    public void No_rules_keep_everything()
    {
        Assert.Null(FilterRules.Preset("none").Judge(Image(1, 60_000)));
        Assert.Null(FilterRules.None.Judge(""));
    }

    [Theory]
    [InlineData(10, 9, "area")]
    [InlineData(10, 10, null)]
    [InlineData(20, 10, null)]
    [InlineData(21, 10, "area")]
    public void Area_has_two_limits(int width, int height, string? reason) =>
        Assert.Equal(reason, new FilterRules { MinArea = 100, MaxArea = 200 }.Judge(Image(width, height))?.Reason);

    [Theory]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true)]
    [InlineData("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", false)]
    [InlineData("0f0f3c3c55aa9966", true)]
    [InlineData("0f0f3c3c55aa9965", true)] // two bits
    [InlineData("0f0f3c3c55aa9961", false)] // three
    public void Known_placeholders_are_found_by_bytes_or_look(string hash, bool isFound) =>
        Assert.Equal(isFound ? Reasons.PlaceholderSuspect : null, new FilterRules { Placeholders = [hash] }.Judge(Image(500, 500))?.Reason);

    [Fact]
    public void A_flat_image_looks_like_no_placeholder() =>
        Assert.Null(new FilterRules { Placeholders = ["8000000000000000"] }.Judge(Image(500, 500) with { Phash = 0x8000_0000_0000_0000 }));

    [Fact]
    public void A_verdict_names_the_value_and_the_limit() =>
        Assert.Equal("The image has 700×200 pixels, 3.5 to 1; the limit is 3 to 1.", FilterRules.DataCompBasic.Judge(Image(700, 200))!.Message);

    public static TheoryData<FilterRules, string> Unusable => new()
    {
        { new FilterRules { MinSide = 0 }, "MinSide 0 is below 1" },
        { new FilterRules { MaxAspect = 0.5 }, "MaxAspect 0.5 is below 1" },
        { new FilterRules { MaxAspect = double.NaN }, "MaxAspect NaN" },
        { new FilterRules { MinArea = 5, MaxArea = 4 }, "nothing would be left" },
        { new FilterRules { MinCharacters = 5, MaxCharacters = 4 }, "nothing would be left" },
        { new FilterRules { Placeholders = ["xyz"] }, "'xyz'" },
        { new FilterRules { PlaceholderDistance = 17 }, "0…16" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void Rules_that_cannot_hold_are_refused(FilterRules rules, string message) =>
        Assert.Contains(message, Assert.Throws<CurationException>(rules.Check).Message, StringComparison.Ordinal);

    [Fact]
    public void Presets_are_usable_and_others_are_refused()
    {
        FilterRules.DataCompBasic.Check();
        FilterRules.None.Check();
        Assert.Contains("datacomp-basic", Assert.Throws<CurationException>(() => FilterRules.Preset("datacomp")).Message, StringComparison.Ordinal);
    }

    private static IngestedImage Image(int width, int height) => new() { Sha256 = Sha256, Width = width, Height = height, Phash = Telling };
}
