using Sana.Curation;
using Sana.Curation.Captioning.Chat;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>How endpoints are treated: keys, waits, fallback, circuit, places.</summary>
public sealed class ChatEndpointTests
{
    private const string Key = "sk-0123456789-very-secret";

    [Theory]
    [InlineData("bearer", "Bearer " + Key)]
    [InlineData("api-key", Key)]
    public async Task The_key_goes_to_the_endpoint_and_into_no_message(string auth, string header)
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.Unauthorized);
        using var captioner = Chat.Captioner(server, $$""","api_key_env":"K","auth":"{{auth}}","api_version":"2024-10-21" """, environment: name => name == "K" ? Key + "\n" : null);

        var answer = await captioner.Ask(Chat.Ask(), CancellationToken.None);

        var call = Assert.Single(server.Calls);
        Assert.Equal((header, "?api-version=2024-10-21"), (call.Key, call.Query));
        Assert.Equal(Reasons.CaptionerRefused, answer.Reason);
        Assert.Contains("***", answer.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_without_key_gets_none()
    {
        await using var server = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server);

        await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Null(server.Calls.Single().Key);
    }

    [Fact]
    public async Task A_key_that_is_not_there_is_said_before_anything_is_asked()
    {
        await using var server = await CaptionServer.Start();
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("key"), Key + "\nsecond line");

        var missing = Assert.Throws<CurationException>(() => Chat.Captioner(server, ""","api_key_env":"NOT_SET" """, environment: _ => null));
        Assert.Contains("NOT_SET", missing.Message, StringComparison.Ordinal);
        using var captioner = Chat.Captioner(server, $$""","api_key_file":"{{folder.File("key")}}" """);
        await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Equal($"Bearer {Key}", server.Calls.Single().Key);
    }

    [Fact]
    public async Task An_endpoint_that_says_when_is_asked_then()
    {
        await using var server = await CaptionServer.Start(call => call.Number == 1 ? Misbehaviour.TooManyRequests : Misbehaviour.None);
        var time = new ImpatientTime(TimeSpan.FromMinutes(3));
        using var captioner = Chat.Captioner(server, time: time);

        await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Equal(TimeSpan.FromSeconds(CaptionBehaviour.RetryAfterSeconds), time.Waits[0]);
    }

    [Fact]
    public async Task Waits_without_a_word_from_the_endpoint_grow_and_differ()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.ServerError);
        var time = new ImpatientTime(TimeSpan.FromMinutes(3));
        using var captioner = Chat.Captioner(server, ""","max_attempts":8""", time);

        await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Equal(7, time.Waits.Count);
        Assert.All(time.Waits, wait => Assert.InRange(wait, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(30)));
        var belowTheLimit = time.Waits.Where(wait => wait < TimeSpan.FromSeconds(30)).ToArray();
        Assert.InRange(belowTheLimit.Length, 3, 7);
        Assert.Distinct(belowTheLimit);
    }

    [Theory]
    [InlineData(Misbehaviour.ServerError)]
    [InlineData(Misbehaviour.NotFound)]
    [InlineData(Misbehaviour.GarbageJson)]
    public async Task The_fallback_answers_for_an_endpoint_that_does_not(Misbehaviour kind)
    {
        await using var server = await CaptionServer.Start(_ => kind);
        await using var second = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server, $$""","max_attempts":2,"fallback":{"endpoint":"{{second.Endpoint}}","model":"spare"}""");
        var ask = Chat.Ask();

        var answer = await captioner.Ask(ask, CancellationToken.None);

        Assert.Equal((CaptionServer.Caption("spare", Chat.Hash(ask)), second.Endpoint.Authority), (answer.Text, answer.Endpoint));
        Assert.Equal(server.Calls.Count + second.Calls.Count, answer.Attempts);
    }

    [Fact]
    public async Task When_the_fallback_fails_too_both_say_why()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.NotFound);
        await using var second = await CaptionServer.Start(_ => Misbehaviour.Unauthorized);
        using var captioner = Chat.Captioner(server, $$""","fallback":{"endpoint":"{{second.Endpoint}}"}""");

        var answer = await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Equal(Reasons.CaptionerRefused, answer.Reason);
        Assert.Contains("404", answer.Message, StringComparison.Ordinal);
        Assert.Contains("401", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_is_not_there_is_unavailable()
    {
        var server = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server);
        await server.DisposeAsync();

        var answer = await captioner.Ask(Chat.Ask(), CancellationToken.None);

        Assert.Equal((Reasons.CaptionerUnavailable, 4), (answer.Reason, answer.Attempts));
        Assert.Contains("cannot be reached", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_endpoint_with_a_fallback_is_soon_left_alone()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.ServerError);
        await using var second = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server, $$""","max_attempts":1,"fallback":{"endpoint":"{{second.Endpoint}}"}""");

        for (var i = 0; i < 40; i++)
            Assert.Null((await captioner.Ask(Chat.Ask(i), CancellationToken.None)).Reason);

        Assert.Equal(10, server.Calls.Count); // the circuit opens at the tenth, and its clock does not move here
        Assert.Equal(40, second.Calls.Count);
    }

    [Fact]
    public async Task No_more_asks_are_in_flight_than_there_are_places()
    {
        await using var server = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server, ""","concurrency":3""");

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => captioner.Ask(Chat.Ask(i), CancellationToken.None)));

        Assert.All(answers, answer => Assert.Null(answer.Reason));
        Assert.InRange(server.MostInFlight, 1, 3);
    }

    [Fact]
    public async Task A_stopped_run_leaves_at_once()
    {
        await using var server = await CaptionServer.Start(_ => Misbehaviour.Hang);
        using var captioner = Chat.Captioner(server, ""","concurrency":1""");
        using var stop = new CancellationTokenSource();

        var asks = Enumerable.Range(0, 3).Select(i => captioner.Ask(Chat.Ask(i), stop.Token)).ToArray();
        stop.Cancel();

        foreach (var ask in asks)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ask);
    }

    [Theory]
    [InlineData(Misbehaviour.NoUsage, true)]
    [InlineData(Misbehaviour.OddFinishReason, false)]
    public async Task Answers_in_the_dialect_of_other_servers_are_understood(Misbehaviour kind, bool estimated)
    {
        await using var server = await CaptionServer.Start(_ => kind);
        using var captioner = Chat.Captioner(server, ""","price":{"per_million_output":1000}""");
        var ask = Chat.Ask();

        var answer = await captioner.Ask(ask, CancellationToken.None);

        Assert.Equal((CaptionServer.Caption("m", Chat.Hash(ask)), "stop", estimated, 1), (answer.Text, answer.FinishReason, answer.TokensEstimated, answer.Attempts));
        Assert.Equal(answer.OutputTokens / 1000m, answer.Cost);
    }

    [Fact]
    public async Task A_thousand_asks_pass_thirty_two_at_a_time()
    {
        await using var server = await CaptionServer.Start();
        using var captioner = ChatCaptioner.Create(Chat.Config(server.Endpoint, ""","concurrency":32"""));
        var ask = Chat.Ask();

        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => captioner.Ask(ask, CancellationToken.None)));

        Assert.All(answers, answer => Assert.Null(answer.Reason));
        Assert.Equal(1000, server.Calls.Count);
        Assert.InRange(server.MostInFlight, 1, 32);
    }
}
