using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sana.Jobs.Queue;

/// <summary>Why a message became a dead letter, as a field of its body, where a queue keeps only bodies. Readers of jobs ignore it, as they do with every field they do not know.</summary>
public sealed record DeadLetterNote(string? Reason, string? Message)
{
    private const string Field = "dead";
    private const string Round = "round";
    private const string Returned = "returned";

    /// <summary>The body with the mark; a body that is no JSON object stays as it is.</summary>
    public static string Write(string body, string reason, string message) => Edit(body, job => job[Field] = new JsonObject { ["reason"] = reason, ["message"] = message });

    /// <summary>The body to be sent again: no note, and a round of its own, so that old deliveries, attempts and results do not count.</summary>
    public static string Requeued(string body) => Edit(body, job =>
    {
        job.Remove(Field);
        job.Remove(Returned);
        job[Round] = (job[Round] is JsonValue value && value.TryGetValue(out int round) ? round : 0) + 1;
    });

    /// <summary>The mark of a body, or null.</summary>
    public static DeadLetterNote? Read(string body)
    {
        DeadLetterNote? mark = null;
        Edit(body, job => mark = job[Field] is JsonObject dead ? new DeadLetterNote(dead["reason"]?.ToString(), dead["message"]?.ToString()) : null);
        return mark;
    }

    private static string Edit(string body, Action<JsonObject> edit)
    {
        try
        {
            if (JsonNode.Parse(body, documentOptions: new JsonDocumentOptions { MaxDepth = 32 }) is not JsonObject job)
                return body;
            edit(job);
            return job.ToJsonString();
        }
        catch (Exception error) when (error is JsonException or ArgumentException or InvalidOperationException)
        {
            // Not JSON, with a field twice, or with half a letter: whoever reads it will say so.
            return body;
        }
    }
}
