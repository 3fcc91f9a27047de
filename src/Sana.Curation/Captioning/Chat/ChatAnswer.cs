using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// The body of a chat answer as the client library can read it. The library knows OpenAI's finish reasons and roles alone and throws at any other, so a good
/// caption of a server that uses other words (<c>eos_token</c>, <c>stop_sequence</c>, an empty text) would be lost.
/// </summary>
internal static class ChatAnswer
{
    /// <exception cref="EndpointFault">It is no chat answer, or an error in the place of one.</exception>
    public static byte[] Normalize(string body, string? key)
    {
        if (AnswerBody.Json(body) is not { } root)
            throw EndpointFailure.NoJson(body, key);
        // Some gateways answer with a list of one.
        var answer = root as JsonObject ?? (root as JsonArray)?.FirstOrDefault() as JsonObject ?? throw EndpointFailure.NoJson(body, key);
        if (Choice(answer) is not { } choice)
            throw EndpointFailure.InAnswer(body, key);
        var message = choice["message"] as JsonObject ?? new JsonObject { ["content"] = choice["text"]?.DeepClone() };
        if (message["tool_calls"] is JsonArray { Count: > 0 })
            throw EndpointFault.BadAnswer("The model called a tool instead of answering.");
        var (finish, text) = (Finish(choice["finish_reason"]), Content(message["content"]));
        if (Word(message["refusal"]) is { } refusal)
            (finish, text) = ("content_filter", refusal);
        var normal = new JsonObject
        {
            ["id"] = "",
            ["object"] = "chat.completion",
            ["created"] = 0,
            ["model"] = "",
            ["choices"] = new JsonArray(new JsonObject
            {
                ["index"] = 0,
                ["finish_reason"] = finish,
                ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = text },
            }),
            ["usage"] = Usage(answer["usage"] as JsonObject),
        };
        return JsonSerializer.SerializeToUtf8Bytes(normal);
    }

    /// <summary>Text, parts of text, or nothing at all. Parts that hold thoughts are no text.</summary>
    public static string Content(JsonNode? content) => content switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonArray parts => string.Concat(parts.Where(part => part is not JsonObject typed || !IsThought(Word(typed["type"]))).Select(Content)),
        JsonObject part => Content(part["text"] ?? part["content"]),
        _ => "",
    };

    /// <summary>A text that is not empty; else null.</summary>
    public static string? Word(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;

    private static bool IsThought(string? type) => type is not null && (type.Contains("think", StringComparison.OrdinalIgnoreCase) || type.Contains("reason", StringComparison.OrdinalIgnoreCase));

    // OpenAI's shape, or that of servers which answer with a message alone.
    private static JsonObject? Choice(JsonObject answer)
    {
        if (answer["error"] is JsonValue or JsonObject or JsonArray)
            return null;
        if ((answer["choices"] as JsonArray)?.FirstOrDefault() is JsonObject choice && (choice["message"] is JsonObject || choice["text"] is JsonValue))
            return choice;
        if (answer["message"] is JsonObject message && (message["content"] is not null))
            return new JsonObject { ["message"] = message.DeepClone(), ["finish_reason"] = answer["done_reason"]?.DeepClone() };
        return answer["content"] is JsonArray && Word(answer["role"]) == "assistant"
            ? new JsonObject { ["message"] = new JsonObject { ["content"] = answer["content"]!.DeepClone() }, ["finish_reason"] = answer["stop_reason"]?.DeepClone() }
            : null;
    }

    private static string Finish(JsonNode? reason)
    {
        var word = Word(reason) ?? (reason is JsonObject typed ? Word(typed["type"]) : null) ?? "";
        return word.ToLowerInvariant() switch
        {
            "length" or "max_tokens" or "model_length" or "max_output_tokens" or "max_length" => "length",
            "abort" or "error" or "cancelled" => throw EndpointFault.BadAnswer($"The endpoint gave up the answer: {word}."),
            var filter when EndpointFailure.IsFilter(filter) => "content_filter",
            _ => "stop",
        };
    }

    private static JsonObject? Usage(JsonObject? usage) =>
        Count(usage?["prompt_tokens"] ?? usage?["input_tokens"]) is not { } input || Count(usage?["completion_tokens"] ?? usage?["output_tokens"]) is not { } output
            ? null : new JsonObject { ["prompt_tokens"] = input, ["completion_tokens"] = output, ["total_tokens"] = input + (long)output };

    private static int? Count(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<double>(out var count) && count is >= 0 and <= int.MaxValue ? (int)count : null;
}
