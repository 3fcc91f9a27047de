using System.Text.Json;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>Values on their way through Durable are JSON as it is, so that its history and dashboard show what the embedded engine's journal holds.</summary>
internal static class Json
{
    public static JsonElement Of<T>(T value) => Parse(WorkflowJson.Write(value));

    public static JsonElement Parse(string text) => JsonSerializer.Deserialize<JsonElement>(text);

    /// <summary>The text of a value. Durable hands out nothing for null.</summary>
    public static string Text(JsonElement value) => value.ValueKind == JsonValueKind.Undefined ? "null" : value.GetRawText();
}

/// <summary>The input of the one activity.</summary>
/// <param name="Step">Name of the step.</param>
/// <param name="Input">Its input.</param>
public sealed record StepCall(string Step, JsonElement Input);
