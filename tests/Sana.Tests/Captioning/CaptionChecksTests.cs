using Sana.Curation;
using Sana.Curation.Captioning.Checks;
using Sana.Curation.Captioning.Config;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class CaptionChecksTests
{
    private static readonly string[] _prompt = ["Describe this image in detail.", "You are a helpful assistant that writes captions for pictures of a museum."];

    [Theory]
    [MemberData(nameof(GoodCaptions.All), MemberType = typeof(GoodCaptions))]
    public void A_good_caption_passes_as_it_is(string caption)
    {
        var found = Check(caption);

        Assert.True(found.Reason is null, $"{found.Reason}: {found.Message}");
        Assert.Empty(found.Flags);
        Assert.Equal(caption.ReplaceLineEndings(" "), found.Text);
    }

    [Theory]
    [MemberData(nameof(BadCaptions.All), MemberType = typeof(BadCaptions))]
    public void A_bad_answer_has_its_reason(string answer, string reason)
    {
        var found = Check(answer);

        Assert.Equal(reason, found.Reason);
        Assert.Null(found.Text);
        Assert.Equal(answer, found.Raw);
        Assert.NotEmpty(found.Message!);
    }

    [Theory]
    [MemberData(nameof(MendedCaptions.All), MemberType = typeof(MendedCaptions))]
    public void What_can_be_told_from_the_caption_is_taken_off_and_flagged(string answer, string text, string flag)
    {
        var found = Check(answer);

        Assert.Null(found.Message);
        Assert.Equal(text, found.Text);
        Assert.Equal(flag, string.Join(' ', found.Flags));
        Assert.Equal(answer, found.Raw);
    }

    [Theory]
    [MemberData(nameof(FamilyAnswers.All), MemberType = typeof(FamilyAnswers))]
    public void The_caption_is_found_in_the_answers_of_real_models(string family, string answer, string caption)
    {
        var found = Check(answer);

        Assert.True(found.Text == caption, $"{family}: {found.Reason ?? found.Text}");
        Assert.NotEmpty(found.Flags);
    }

    [Theory]
    [MemberData(nameof(FamilyAnswers.Uncertain), MemberType = typeof(FamilyAnswers))]
    public void What_cannot_be_told_from_the_caption_is_not_kept(string kind, string answer)
    {
        var found = Check(answer);

        Assert.True(found.Reason == Reasons.CaptionMarkup, $"{kind}: {found.Reason ?? found.Text}");
    }

    [Theory]
    [InlineData("<think>A cat, so")]
    [InlineData("{\"caption\": \"A grey cat on a")]
    public void An_answer_that_used_up_its_tokens_says_so(string answer) =>
        Assert.Contains("max_tokens", CaptionChecks.Check(answer, "length", new CaptionRules(), _prompt).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("A red barn stands by a road. Behind it there is a row of tall trees and", "length", "A red barn stands by a road.", 6)]
    [InlineData("A red barn stands by a narrow country road. Behind it there is a row of tall trees, and in front of it a", null, "A red barn stands by a narrow country road.", 8)]
    [InlineData("A red barn stands by a narrow country road. Behind it there is a row of tall trees, and in front of it a", "stop", "A red barn stands by a narrow country road.", 8)]
    [InlineData("A red barn by a", "length", null, 8)]
    [InlineData("A barn. A road and a tree and", "length", null, 8)]
    public void A_cut_text_offers_its_full_sentences_if_they_are_enough(string answer, string? finish, string? salvage, int words)
    {
        var found = CaptionChecks.Check(answer, finish, new CaptionRules { MinWords = Math.Min(words, 3) }, _prompt);

        Assert.Equal(Reasons.CaptionTruncated, found.Reason);
        Assert.Equal(words < 8 ? null : salvage, found.Salvage);
    }

    [Fact]
    public void A_stopped_answer_is_a_refusal() => Assert.Equal(Reasons.CaptionRefusal, CaptionChecks.Check("A man on a", "content_filter", new CaptionRules(), _prompt).Reason);

    [Fact]
    public void A_model_has_its_own_ways_to_refuse()
    {
        var rules = new CaptionRules { RefusalPatterns = ["the picture is (too )?private"] };

        Assert.Equal(Reasons.CaptionRefusal, CaptionChecks.Check("The picture is too private for me to talk about it.", "stop", rules, _prompt).Reason);
        Assert.Null(CaptionChecks.Check("A note says the picture is too private for the public wall.", "stop", rules, _prompt).Reason);
    }

    [Theory]
    [InlineData("Two words", 3, 1000, Reasons.CaptionLength)]
    [InlineData("Just three words", 3, 1000, null)]
    [InlineData("One two three four five", 1, 4, Reasons.CaptionLength)]
    [InlineData("One two three four", 1, 4, null)]
    [InlineData("STOP", 1, 4, null)]
    public void Length_is_counted_in_words(string caption, int least, int most, string? reason) =>
        Assert.Equal(reason, CaptionChecks.Check(caption, "stop", new CaptionRules { MinWords = least, MaxWords = most }, _prompt).Reason);

    [Theory]
    [InlineData("The image depicts a cat on a chair.", "A cat on a chair.")]
    [InlineData("In this picture, we can see two boats on a river.", "Two boats on a river.")]
    [InlineData("This photograph captures the harbour at night.", "The harbour at night.")]
    [InlineData("A picture of a cat on a chair.", "A picture of a cat on a chair.")]
    public void Openers_go_when_asked_to(string answer, string text)
    {
        Assert.Equal(text, CaptionChecks.Check(answer, "stop", new CaptionRules { StripOpener = true }, _prompt).Text);
        Assert.Equal(answer, CaptionChecks.Check(answer, "stop", new CaptionRules(), _prompt).Text);
    }

    [Fact]
    public void A_text_without_end_is_checked_in_no_time_that_matters()
    {
        var found = Check(string.Concat(Enumerable.Repeat("word and other ", 200_000)));

        Assert.Equal(Reasons.CaptionRepetition, found.Reason);
    }

    private static CheckedCaption Check(string answer) => CaptionChecks.Check(answer, "stop", new CaptionRules(), _prompt);
}
