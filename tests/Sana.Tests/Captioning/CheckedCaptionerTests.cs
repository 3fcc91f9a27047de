using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class CheckedCaptionerTests
{
    [Fact]
    public async Task A_good_answer_is_a_candidate_with_all_that_is_known_of_it()
    {
        await using var server = await CaptionServer.Start();
        var ask = Chat.Ask();

        var candidate = await Caption(server, ask, ""","revision":"r1","licence":"mit","price":{"per_million_input":1,"per_million_output":10}""");

        Assert.Equal(("one", "m", "r1", "mit"), (candidate.Label, candidate.Model, candidate.ModelRevision, candidate.Licence));
        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), candidate.Text);
        Assert.Equal((candidate.Text, "en", "stop", 600, 40, 0.001m, 1), (candidate.TextRaw, candidate.Lang, candidate.FinishReason, candidate.InputTokens, candidate.OutputTokens, candidate.Cost, candidate.Attempts));
        Assert.Empty(candidate.Flags);
        Assert.Equal(16, candidate.PromptId!.Length);
    }

    [Theory]
    [InlineData(Misbehaviour.Refusal, Reasons.CaptionRefusal)]
    [InlineData(Misbehaviour.Empty, Reasons.CaptionEmpty)]
    [InlineData(Misbehaviour.Cut, Reasons.CaptionTruncated)]
    [InlineData(Misbehaviour.Looping, Reasons.CaptionRepetition)]
    [InlineData(Misbehaviour.Echo, Reasons.CaptionLeak)]
    [InlineData(Misbehaviour.OtherLanguage, Reasons.CaptionLang)]
    public async Task A_bad_caption_is_asked_for_once_more_and_both_asks_are_paid(Misbehaviour kind, string code)
    {
        await using var server = await CaptionServer.Start(call => call.Number == 1 ? kind : Misbehaviour.None);
        var ask = Chat.Ask();

        var candidate = await Caption(server, ask, ""","price":{"per_million_input":1,"per_million_output":10}""");

        Assert.Null(candidate.Reason);
        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), candidate.Text);
        Assert.Equal([code, CheckedCaptioner.Repaired], candidate.Flags);
        Assert.Equal((2, 1200, 80, 0.002m), (candidate.Attempts, candidate.InputTokens, candidate.OutputTokens, candidate.Cost));
    }

    [Theory]
    [InlineData(Misbehaviour.Refusal, Reasons.CaptionRefusal)]
    [InlineData(Misbehaviour.Empty, Reasons.CaptionEmpty)]
    [InlineData(Misbehaviour.Looping, Reasons.CaptionRepetition)]
    [InlineData(Misbehaviour.Echo, Reasons.CaptionLeak)]
    [InlineData(Misbehaviour.OtherLanguage, Reasons.CaptionLang)]
    public async Task What_stays_bad_has_its_reason_after_two_asks(Misbehaviour kind, string code)
    {
        await using var server = await CaptionServer.Start(_ => kind);

        var candidate = await Caption(server, Chat.Ask());

        Assert.Equal((code, 2, 2), (candidate.Reason, candidate.Attempts, server.Calls.Count));
        Assert.Null(candidate.Text);
        Assert.NotNull(candidate.TextRaw);
    }

    [Fact]
    public async Task What_stays_cut_is_trimmed_to_its_full_sentences()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.Cut);
        var ask = Chat.Ask();

        var candidate = await Caption(server, ask);

        Assert.Null(candidate.Reason);
        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), candidate.Text);
        Assert.Equal([Reasons.CaptionTruncated], candidate.Flags);
        Assert.Equal(2, candidate.Attempts);
    }

    [Theory]
    [InlineData(Misbehaviour.Leak, Reasons.CaptionLeak)]
    [InlineData(Misbehaviour.Reasoning, Reasons.CaptionReasoning)]
    public async Task What_can_be_mended_is_not_asked_for_again(Misbehaviour kind, string flag)
    {
        await using var server = await CaptionServer.Start(_ => kind);
        var ask = Chat.Ask();

        var candidate = await Caption(server, ask);

        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), candidate.Text);
        Assert.Equal([flag], candidate.Flags);
        Assert.Equal(1, candidate.Attempts);
        Assert.NotEqual(candidate.Text, candidate.TextRaw);
    }

    [Fact]
    public async Task An_endpoint_that_fails_is_not_asked_in_another_way()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.NotFound);

        var candidate = await Caption(server, Chat.Ask());

        Assert.Equal((Reasons.CaptionerRefused, 1), (candidate.Reason, candidate.Attempts));
        Assert.Contains("does not exist", candidate.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_fails_at_the_second_ask_leaves_the_first_reason()
    {
        await using var server = await CaptionServer.Start(call => call.Number == 1 ? Misbehaviour.Refusal : Misbehaviour.NotFound);

        var candidate = await Caption(server, Chat.Ask());

        Assert.Equal((Reasons.CaptionRefusal, 2), (candidate.Reason, candidate.Attempts));
        Assert.StartsWith("I'm sorry", candidate.TextRaw, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Estimated_tokens_are_flagged()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.NoUsage);

        var candidate = await Caption(server, Chat.Ask());

        Assert.Equal([CheckedCaptioner.TokensEstimated], candidate.Flags);
        Assert.InRange(candidate.OutputTokens, 10, 60);
    }

    private static async Task<Candidate> Caption(CaptionServer server, CaptionAsk ask, string more = "")
    {
        using var captioner = Chat.Captioner(server, more);
        return await new CheckedCaptioner(captioner, Chat.Config(server.Endpoint, more)).Caption(ask, CancellationToken.None);
    }
}
