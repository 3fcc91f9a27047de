using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Chat;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Answers as servers and proxies give them, over HTTP.</summary>
public sealed class ServerAnswersTests
{
    private const string Cat = "A grey cat sleeps on a window sill.";
    private const string Key = "sk-0123456789-very-secret";

    private static string Good => $$$"""{"choices":[{"message":{"role":"assistant","content":"{{{Cat}}}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":600,"completion_tokens":40}}""";

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("deflate without a head")]
    [InlineData("br")]
    [InlineData("gzip that nobody names")]
    public async Task A_packed_answer_is_unpacked(string how)
    {
        var answer = await Ask(async context =>
        {
            if (!how.Contains("nobody", StringComparison.Ordinal))
                context.Response.Headers.ContentEncoding = how.Split(' ')[0];
            await context.Response.Body.WriteAsync(Packed(Encoding.UTF8.GetBytes(Good), how));
        });

        Assert.Equal((Cat, 40), (answer.Text, answer.OutputTokens));
    }

    [Fact]
    public async Task A_small_packed_answer_that_grows_without_end_is_left()
    {
        var answer = await Ask(async context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            await context.Response.Body.WriteAsync(Packed(new byte[50_000_000], "gzip"));
        });

        Assert.Equal((Reasons.BadAnswer, 1), (answer.Reason, answer.Attempts));
    }

    [Theory]
    [InlineData("\ufeff{good}")]
    [InlineData("\n\n  \n{good}")]
    [InlineData(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{good}")]
    [InlineData("data: {good}\n\ndata: [DONE]\n\n")]
    [InlineData("[{good}]")]
    [InlineData(": keep-alive\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"A grey cat sleeps \"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"on a window sill.\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":600,\"completion_tokens\":40}}\n\ndata: [DONE]\n\n")]
    [InlineData("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"Hm.\"}]},{\"type\":\"text\",\"text\":\"A grey cat sleeps on a window sill.\"}]}}],\"usage\":{\"input_tokens\":600,\"output_tokens\":40.0}}")]
    [InlineData("{\"choices\":[{\"text\":\"A grey cat sleeps on a window sill.\"}],\"usage\":{\"prompt_tokens\":600,\"completion_tokens\":40}}")]
    [InlineData("{\"message\":{\"role\":\"assistant\",\"content\":\"A grey cat sleeps on a window sill.\"},\"done_reason\":\"stop\",\"usage\":{\"prompt_tokens\":600,\"completion_tokens\":40}}")]
    public async Task Any_form_of_a_good_answer_is_read(string body)
    {
        var answer = await Ask(context => context.Response.WriteAsync(body.Replace("{good}", Good, StringComparison.Ordinal)));

        Assert.Equal((Cat, null, 40), (answer.Text, answer.Message, answer.OutputTokens));
    }

    [Theory]
    [InlineData(200, "data: {\"choices\":[{\"delta\":{\"content\":\"A grey\"}}]}\n\n", Reasons.BadAnswer, "broke off", 2)]
    [InlineData(200, "<!DOCTYPE html><html><head><title>Sign in</title><style>p{}</style></head><body><p>Please&nbsp;log in to the portal</p></body></html>", Reasons.BadAnswer, "log in to the portal", 2)]
    [InlineData(502, "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>", Reasons.CaptionerUnavailable, "nginx", 2)]
    [InlineData(500, "upstream connect error", Reasons.CaptionerUnavailable, "upstream connect error", 2)]
    [InlineData(400, "[{\"error\":{\"code\":400,\"message\":\"Image is too large.\",\"status\":\"INVALID_ARGUMENT\"}}]", Reasons.CaptionerRefused, "Image is too large", 1)]
    [InlineData(422, "{\"detail\":[{\"loc\":[\"body\",\"messages\"],\"msg\":\"field required\",\"type\":\"value_error\"}]}", Reasons.CaptionerRefused, "field required", 1)]
    [InlineData(400, "{\"detail\":\"Unsupported image.\"}", Reasons.CaptionerRefused, "Unsupported image", 1)]
    [InlineData(400, "{\"error\":\"no images allowed\"}", Reasons.CaptionerRefused, "no images allowed", 1)]
    [InlineData(400, "{\"errors\":[{\"message\":\"bad field\"}]}", Reasons.CaptionerRefused, "bad field", 1)]
    [InlineData(200, "{\"error\":{\"message\":\"Provider returned error\",\"code\":502,\"metadata\":{\"raw\":\"upstream is down\"}}}", Reasons.CaptionerUnavailable, "upstream is down", 2)]
    [InlineData(200, "{\"error\":\"something odd\"}", Reasons.BadAnswer, "something odd", 2)]
    [InlineData(200, "{\"object\":\"error\",\"message\":\"model overloaded\",\"code\":503}", Reasons.CaptionerUnavailable, "overloaded", 2)]
    [InlineData(200, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I cannot help with faces.\"},\"finish_reason\":\"stop\"}]}", Reasons.CaptionRefusal, "cannot help with faces", 1)]
    [InlineData(200, "{\"choices\":[{\"message\":{\"content\":\"A\"},\"finish_reason\":\"content_filter\"}]}", Reasons.CaptionRefusal, "filter", 1)]
    [InlineData(200, "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"PROHIBITED_CONTENT\"}]}", Reasons.CaptionRefusal, "filter", 1)]
    [InlineData(200, "{\"choices\":[],\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", Reasons.CaptionRefusal, "SAFETY", 1)]
    [InlineData(400, "{\"error\":{\"code\":\"content_filter\",\"message\":\"The response was filtered.\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", Reasons.CaptionRefusal, "was filtered", 1)]
    [InlineData(403, "{\"error\":{\"message\":\"The input was flagged by moderation.\",\"code\":403,\"metadata\":{\"reasons\":[\"violence\"],\"flagged_input\":\"...\"}}}", Reasons.CaptionRefusal, "flagged", 1)]
    [InlineData(400, "{\"code\":\"DataInspectionFailed\",\"message\":\"Output data may contain inappropriate content.\"}", Reasons.CaptionRefusal, "inappropriate", 1)]
    [InlineData(401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-0123456789-very-secret.\"}}", Reasons.CaptionerRefused, "***", 1)]
    [InlineData(429, "{\"error\":{\"message\":\"You exceeded your current quota.\",\"code\":\"insufficient_quota\"}}", Reasons.CaptionerRefused, "quota", 1)]
    [InlineData(429, "[{\"error\":{\"message\":\"You exceeded your current quota. Please retry in 12s.\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", Reasons.CaptionerUnavailable, "quota", 2)]
    [InlineData(400, "{\"error\":{\"message\":\"Invalid model name passed in model=m\"}}", Reasons.CaptionerRefused, "Invalid model", 1)]
    public async Task A_failure_says_what_the_provider_said(int status, string body, string reason, string words, int attempts)
    {
        var answer = await Ask(context =>
        {
            context.Response.StatusCode = status;
            return context.Response.WriteAsync(body);
        });

        Assert.Equal((reason, attempts), (answer.Reason, answer.Attempts));
        Assert.Contains(words, answer.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "Unauthorized")]
    [InlineData(402, "{\"error\":{\"message\":\"Insufficient credits\"}}")]
    [InlineData(403, "{\"message\":\"Forbidden\"}")]
    [InlineData(404, "{\"error\":{\"message\":\"The model `m` does not exist.\"}}")]
    [InlineData(429, "{\"error\":{\"message\":\"Quota.\",\"code\":\"insufficient_quota\"}}")]
    [InlineData(200, "{\"error\":{\"message\":\"Invalid API key\",\"code\":\"invalid_api_key\"}}")]
    public async Task After_a_failure_for_good_nothing_more_is_sent_until_somebody_says_so(int status, string body)
    {
        var calls = 0;
        await using var server = await Endpoint.Start(context =>
        {
            context.Response.StatusCode = status;
            return Interlocked.Increment(ref calls) < 0 ? Task.CompletedTask : context.Response.WriteAsync(body);
        });
        using var captioner = ChatCaptioner.Create(Chat.Config(server.Address), new ImpatientTime(TimeSpan.FromMinutes(3)));

        var answers = new List<CaptionAnswer>();
        for (var i = 0; i < 20; i++)
            answers.Add(await captioner.Ask(Chat.Ask(i), CancellationToken.None));

        Assert.Equal(1, calls);
        Assert.All(answers, answer => Assert.Equal((Reasons.CaptionerRefused, answers[0].Message), (answer.Reason, answer.Message)));
        Assert.Equal(1, answers.Sum(answer => answer.Attempts));
        captioner.Resume();
        await captioner.Ask(Chat.Ask(), CancellationToken.None);
        Assert.Equal(2, calls);
    }

    [Fact]
    public async Task Hidden_thoughts_that_used_up_the_tokens_say_so()
    {
        await using var server = await Endpoint.Start(context =>
            context.Response.WriteAsync("""{"choices":[{"message":{"content":null,"reasoning_content":"The user wants"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":512}}"""));
        using var captioner = ChatCaptioner.Create(Chat.Config(server.Address));

        var candidate = await new CheckedCaptioner(captioner, Chat.Config(server.Address)).Caption(Chat.Ask(), CancellationToken.None);

        Assert.Equal((Reasons.CaptionReasoning, 2), (candidate.Reason, candidate.Attempts));
        Assert.Contains("max_tokens", candidate.Message, StringComparison.Ordinal);
    }

    private static async Task<CaptionAnswer> Ask(RequestDelegate respond)
    {
        await using var server = await Endpoint.Start(respond);
        using var captioner = ChatCaptioner.Create(Chat.Config(server.Address, ""","max_attempts":2,"api_key_env":"K" """), new ImpatientTime(TimeSpan.FromMinutes(3)), _ => Key);
        return await captioner.Ask(Chat.Ask(), CancellationToken.None);
    }

    private static byte[] Packed(byte[] bytes, string how)
    {
        using var packed = new MemoryStream();
        using (Stream packer = how switch
        {
            "br" => new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            "deflate without a head" => new DeflateStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            _ => new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true),
        })
        {
            packer.Write(bytes);
        }

        return packed.ToArray();
    }

    /// <summary>A server on loopback that answers every request alike.</summary>
    private sealed class Endpoint(WebApplication app) : IAsyncDisposable
    {
        public Uri Address { get; private set; } = null!;

        public static async Task<Endpoint> Start(RequestDelegate respond)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            var app = builder.Build();
            app.MapPost("/v1/chat/completions", respond);
            await app.StartAsync();
            return new Endpoint(app) { Address = new Uri(app.Urls.First() + "/v1") };
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
