using Sana.Curation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class ChatCaptionerTests
{
    [Fact]
    public async Task An_answer_comes_with_its_tokens_price_and_time()
    {
        await using var server = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server, ""","price":{"per_million_input":1,"per_million_output":10}""");
        var ask = Chat.Ask();

        var answer = await captioner.Ask(ask, CancellationToken.None);

        Assert.Null(answer.Reason);
        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), answer.Text);
        Assert.Equal(("stop", 600, 40, 0.001m, 1), (answer.FinishReason, answer.InputTokens, answer.OutputTokens, answer.Cost, answer.Attempts));
        Assert.False(answer.TokensEstimated);
        Assert.Empty(server.Complaints);
    }

    [Theory]
    [InlineData(Misbehaviour.TooManyRequests)]
    [InlineData(Misbehaviour.ServerError)]
    [InlineData(Misbehaviour.GarbageJson)]
    [InlineData(Misbehaviour.BrokenBody)]
    [InlineData(Misbehaviour.WebPage)]
    [InlineData(Misbehaviour.NoChoices)]
    [InlineData(Misbehaviour.ToolCall)]
    public async Task What_passes_is_asked_again(Misbehaviour kind)
    {
        await using var server = await CaptionServer.Start(call => call.Number < 3 ? kind : Misbehaviour.None);
        using var captioner = Chat.Captioner(server);
        var ask = Chat.Ask();

        var answer = await captioner.Ask(ask, CancellationToken.None);

        Assert.Null(answer.Message);
        Assert.Equal(CaptionServer.Caption("m", Chat.Hash(ask)), answer.Text);
        Assert.Equal((3, 3), (answer.Attempts, server.Count("m", Chat.Hash(ask))));
    }

    [Theory]
    [InlineData(Misbehaviour.TooManyRequests, Reasons.CaptionerUnavailable, 4)]
    [InlineData(Misbehaviour.ServerError, Reasons.CaptionerUnavailable, 4)]
    [InlineData(Misbehaviour.GarbageJson, Reasons.BadAnswer, 4)]
    [InlineData(Misbehaviour.BrokenBody, Reasons.BadAnswer, 4)]
    [InlineData(Misbehaviour.WebPage, Reasons.BadAnswer, 4)]
    [InlineData(Misbehaviour.NoChoices, Reasons.BadAnswer, 4)]
    [InlineData(Misbehaviour.ToolCall, Reasons.BadAnswer, 4)]
    [InlineData(Misbehaviour.HugeBody, Reasons.BadAnswer, 1)]
    [InlineData(Misbehaviour.Unauthorized, Reasons.CaptionerRefused, 1)]
    [InlineData(Misbehaviour.NotFound, Reasons.CaptionerRefused, 1)]
    public async Task What_does_not_pass_is_a_reason_after_as_many_attempts_as_make_sense(Misbehaviour kind, string reason, int attempts)
    {
        await using var server = await CaptionServer.Start(_ => kind);
        using var captioner = Chat.Captioner(server);
        var ask = Chat.Ask();

        var answer = await captioner.Ask(ask, CancellationToken.None);

        Assert.Equal((reason, attempts, attempts), (answer.Reason, answer.Attempts, server.Count("m", Chat.Hash(ask))));
        Assert.Null(answer.Text);
        Assert.NotEmpty(answer.Message!);
    }

    [Theory]
    [InlineData(Misbehaviour.Hang)]
    [InlineData(Misbehaviour.SlowDrip)]
    public async Task An_endpoint_that_never_ends_its_answer_is_left_at_the_deadline(Misbehaviour kind)
    {
        await using var server = await CaptionServer.Start(_ => kind);
        using var captioner = Chat.Captioner(server, ""","max_attempts":1""", new ImpatientTime(TimeSpan.FromHours(2)));

        var answer = await captioner.Ask(Chat.Ask(), CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(Reasons.CaptionerTimeout, answer.Reason);
    }
}
