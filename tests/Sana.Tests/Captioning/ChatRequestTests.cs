using System.Text.Json;
using NetVips;
using Sana.Curation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>What stands in a request.</summary>
public sealed class ChatRequestTests
{
    private const string Decoding = ""","system":"Be brief.","decoding":{"temperature":0.5,"top_p":0.9,"max_tokens":300,"seed":7,"repetition_penalty":1.05,"stop":["###"],"extra":{"top_k":40,"chat_template_kwargs":{"enable_thinking":false}}}""";

    [Fact]
    public async Task Every_setting_is_in_the_request()
    {
        var body = await Request(Decoding);

        Assert.Equal((0.5, 0.9, 300, 7, 1.05), (Number(body, "temperature"), Number(body, "top_p"), (int)Number(body, "max_tokens"), (int)Number(body, "seed"), Number(body, "repetition_penalty")));
        Assert.Equal("###", body.GetProperty("stop")[0].GetString());
        Assert.Equal(40, Number(body, "top_k"));
        Assert.False(body.GetProperty("chat_template_kwargs").GetProperty("enable_thinking").GetBoolean());
        Assert.Equal("system Be brief.", $"{body.GetProperty("messages")[0].GetProperty("role")} {body.GetProperty("messages")[0].GetProperty("content")}");
        Assert.False(body.TryGetProperty("max_completion_tokens", out _));
    }

    [Fact]
    public async Task What_is_not_set_is_not_sent()
    {
        var body = await Request();

        Assert.Equal(["max_tokens", "messages", "model", "temperature"], body.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_limit_has_the_name_that_the_endpoint_knows()
    {
        var body = await Request(""","max_tokens_field":"max_completion_tokens","image_detail":"high" """);

        Assert.Equal(512, Number(body, "max_completion_tokens"));
        Assert.False(body.TryGetProperty("max_tokens", out _));
        Assert.Equal("high", body.GetProperty("messages")[0].GetProperty("content")[0].GetProperty("image_url").GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData(null, 300, 0.5, 7, 1.05, null)]
    [InlineData(Reasons.CaptionTruncated, 600, 0.5, 7, 1.05, null)]
    [InlineData(Reasons.CaptionRepetition, 300, 0.8, 8, 1.15, 0.5)]
    [InlineData(Reasons.CaptionRefusal, 300, 0.8, 8, 1.05, null)]
    [InlineData(Reasons.CaptionEmpty, 300, 0.8, 8, 1.05, null)]
    public async Task A_repair_asks_in_another_way(string? repair, int most, double temperature, int seed, double repetition, double? frequency)
    {
        var body = await Request(Decoding, repair);

        Assert.Equal((most, seed), ((int)Number(body, "max_tokens"), (int)Number(body, "seed")));
        Assert.Equal(temperature, Number(body, "temperature"), 5);
        Assert.Equal(repetition, Number(body, "repetition_penalty"), 5);
        Assert.Equal(frequency, body.TryGetProperty("frequency_penalty", out var penalty) ? penalty.GetDouble() : null);
    }

    [Fact]
    public async Task An_endpoint_that_may_not_know_the_repetition_penalty_never_gets_it()
    {
        var body = await Request("", Reasons.CaptionRepetition);

        Assert.False(body.TryGetProperty("repetition_penalty", out _));
        Assert.Equal(0.5, Number(body, "frequency_penalty"));
    }

    [Theory]
    [InlineData(400, 300, 100, 100, 75)]
    [InlineData(300, 400, 100, 75, 100)]
    [InlineData(90, 60, 100, 90, 60)]
    public async Task A_big_image_is_sent_smaller(int width, int height, int side, int sentWidth, int sentHeight)
    {
        var body = await Request($$""","image_max_side":{{side}}""", width: width, height: height);

        using var image = Image.NewFromBuffer(Convert.FromBase64String(Address(body).Split(',')[1]));
        Assert.Equal((sentWidth, sentHeight), (image.Width, image.Height));
        Assert.StartsWith("data:image/png;base64,", Address(body), StringComparison.Ordinal);
    }

    private static async Task<JsonElement> Request(string more = "", string? repair = null, int width = 48, int height = 32)
    {
        await using var server = await CaptionServer.Start();
        using var captioner = Chat.Captioner(server, more);
        var answer = await captioner.Ask(Chat.Ask(1, width, height) with { Repair = repair }, CancellationToken.None);
        Assert.Null(answer.Message);
        Assert.Empty(server.Complaints);
        return server.Calls.Single().Body;
    }

    private static double Number(JsonElement body, string name) => body.GetProperty(name).GetDouble();

    private static string Address(JsonElement body) => body.GetProperty("messages")[0].GetProperty("content")[0].GetProperty("image_url").GetProperty("url").GetString()!;
}
