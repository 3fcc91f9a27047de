using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Sana.Tests.Support;

/// <summary>How <see cref="CaptionServer"/> answers, well or badly.</summary>
internal static class CaptionBehaviour
{
    /// <summary>Seconds that an overloaded server asks for.</summary>
    public const int RetryAfterSeconds = 1;

    public static Task Act(Misbehaviour kind, CaptionCall call, HttpContext context)
    {
        var good = CaptionServer.Caption(call.Model, call.Image);
        return kind switch
        {
            Misbehaviour.Refusal => Say(context, "I'm sorry, but I can't assist with describing this image."),
            Misbehaviour.Empty => Say(context, ""),
            Misbehaviour.Cut => Say(context, $"{good} Behind it there is a long row of houses with", "length"),
            Misbehaviour.Looping => Say(context, "The image shows " + string.Concat(Enumerable.Repeat("a house and ", 60)), "length"),
            Misbehaviour.Leak => Say(context, $"{good}<|im_end|>\n<|im_start|>user\nWhat else?"),
            Misbehaviour.Reasoning => Say(context, $"<think>The user wants a caption. I see a thing.</think>\n\n{good}"),
            Misbehaviour.Echo => Say(context, Prompt(call)),
            Misbehaviour.OtherLanguage => Say(context, "Ein graues Haus steht auf einer Wiese, und der Himmel ist mit dunklen Wolken bedeckt."),
            Misbehaviour.TooManyRequests => TooMany(context),
            Misbehaviour.ServerError => Error(context, 500, "CUDA out of memory"),
            Misbehaviour.Hang => Task.Delay(Timeout.Infinite, context.RequestAborted),
            Misbehaviour.GarbageJson => Write(context, "application/json", "{\"choices\": [{\"message\": {\"content\": nope"),
            Misbehaviour.BrokenBody => Break(context, good),
            Misbehaviour.SlowDrip => Drip(context),
            Misbehaviour.WebPage => Write(context, "text/html", "<html><body>Welcome to the gateway</body></html>"),
            Misbehaviour.NoChoices => Write(context, "application/json", "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[]}"),
            Misbehaviour.ToolCall => Json(context, Completion(null, "tool_calls", """[{"id":"c1","type":"function","function":{"name":"look","arguments":"{}"}}]""")),
            Misbehaviour.Unauthorized => Error(context, 401, $"Incorrect API key provided: {call.Key?.Replace("Bearer ", "", StringComparison.Ordinal)}."),
            Misbehaviour.NotFound => Error(context, 404, $"The model `{call.Model}` does not exist."),
            Misbehaviour.HugeBody => Huge(context),
            Misbehaviour.NoUsage => Json(context, Completion(good, "stop", usage: false)),
            Misbehaviour.OddFinishReason => Json(context, Completion(good, "eos_token")),
            _ => Say(context, good),
        };
    }

    public static Task Error(HttpContext context, int status, string message)
    {
        context.Response.StatusCode = status;
        return Json(context, new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["type"] = "error", ["code"] = status } });
    }

    private static Task Say(HttpContext context, string text, string finish = "stop") => Json(context, Completion(text, finish));

    private static JsonObject Completion(string? text, string finish, string? tools = null, bool usage = true)
    {
        var message = new JsonObject { ["role"] = "assistant", ["content"] = text };
        if (tools is not null)
            message["tool_calls"] = JsonNode.Parse(tools);
        var completion = new JsonObject
        {
            ["id"] = "chatcmpl-1",
            ["object"] = "chat.completion",
            ["created"] = 1_700_000_000,
            ["model"] = "served",
            ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["message"] = message, ["finish_reason"] = finish }),
        };
        if (usage)
            completion["usage"] = new JsonObject { ["prompt_tokens"] = 600, ["completion_tokens"] = 40, ["total_tokens"] = 640 };
        return completion;
    }

    private static string Prompt(CaptionCall call) =>
        call.Body.GetProperty("messages").EnumerateArray().Last().GetProperty("content").EnumerateArray().First(part => part.GetProperty("type").GetString() == "text").GetProperty("text").GetString()!;

    private static Task TooMany(HttpContext context)
    {
        context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
        return Error(context, 429, "Rate limit reached.");
    }

    private static async Task Break(HttpContext context, string good)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(Completion(good, "stop"));
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 2));
        await context.Response.Body.FlushAsync(); // the server closes a connection on which less was written than promised
    }

    private static async Task Drip(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("{");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
    }

    private static async Task Huge(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        var filler = Encoding.ASCII.GetBytes(new string(' ', 64 * 1024));
        for (var i = 0; i < 1024 && !context.RequestAborted.IsCancellationRequested; i++)
            await context.Response.Body.WriteAsync(filler, context.RequestAborted);
    }

    private static Task Json(HttpContext context, JsonObject body) => Write(context, "application/json", body.ToJsonString());

    private static Task Write(HttpContext context, string type, string body)
    {
        context.Response.ContentType = type;
        return context.Response.WriteAsync(body);
    }
}
