using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// The body of a chat answer as the client library can read it. The library knows OpenAI's finish reasons and roles alone and throws at any other, so a good
/// caption of a server that uses other words (<c>eos_token</c>, <c>stop_sequence</c>, an empty text) would be lost.
/// </summary>
internal static class ChatAnswer
{
    /// <exception cref="EndpointFault">It is no chat answer.</exception>
    public static byte[] Normalize(byte[] body)
    {
        var (answer, choice) = Parse(body);
        var message = (choice["message"] as JsonObject)!;
        choice["finish_reason"] = Finish(choice["finish_reason"]);
        message["role"] = "assistant";
        message["content"] = Content(message["content"]);

        // What the library does not need and other servers fill in their own way.
        foreach (var name in new[] { "refusal", "annotations", "audio", "function_call" })
            message.Remove(name);
        choice.Remove("logprobs");
        answer["choices"] = new JsonArray(choice.DeepClone());
        answer["object"] = "chat.completion";
        answer["id"] = "";
        answer["created"] = 0;
        answer["model"] = "";
        foreach (var name in new[] { "service_tier", "system_fingerprint", "prompt_logprobs" })
            answer.Remove(name);
        answer["usage"] = Usage(answer["usage"] as JsonObject);
        return JsonSerializer.SerializeToUtf8Bytes(answer);
    }

    private static (JsonObject Answer, JsonObject Choice) Parse(byte[] body)
    {
        try
        {
            if (JsonNode.Parse(body) is not JsonObject answer)
                throw EndpointFault.BadAnswer("The answer is JSON, but no object.");
            if (answer["error"] is not null)
                throw EndpointFault.BadAnswer($"The answer holds an error instead of a caption: {EndpointMessage.Read(body, key: null)}");
            if ((answer["choices"] as JsonArray)?.FirstOrDefault() is not JsonObject choice || choice["message"] is not JsonObject message)
                throw EndpointFault.BadAnswer("The answer has no choice with a message.");
            if (message["tool_calls"] is JsonArray { Count: > 0 })
                throw EndpointFault.BadAnswer("The model called a tool instead of answering.");
            message.Remove("tool_calls");
            return (answer, choice);
        }
        catch (Exception error) when (error is JsonException or ArgumentException or InvalidOperationException)
        {
            throw EndpointFault.BadAnswer("The answer is no JSON.");
        }
    }

    private static string Finish(JsonNode? reason)
    {
        var word = reason is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        return word switch
        {
            "length" or "max_tokens" or "model_length" => "length",
            "content_filter" => "content_filter",
            "abort" or "error" or "cancelled" => throw EndpointFault.BadAnswer($"The endpoint gave up the answer: {word}."),
            _ => "stop",
        };
    }

    // Text, parts of text, or nothing at all.
    private static string Content(JsonNode? content) => content switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonArray parts => string.Concat(parts.OfType<JsonObject>().Select(part => Content(part["text"]))),
        _ => "",
    };

    private static JsonObject? Usage(JsonObject? usage) =>
        Count(usage?["prompt_tokens"]) is not { } input || Count(usage?["completion_tokens"]) is not { } output ? null : new JsonObject { ["prompt_tokens"] = input, ["completion_tokens"] = output, ["total_tokens"] = input + (long)output };

    private static int? Count(JsonNode? node) => node is JsonValue value && value.TryGetValue<int>(out var count) && count >= 0 ? count : null;
}
