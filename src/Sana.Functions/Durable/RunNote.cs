using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>What Durable has no field for, kept in the custom status beside the workflow's own.</summary>
/// <param name="Status">What the workflow last set; null for nothing.</param>
/// <param name="Done">Steps and children that succeeded, over all runs.</param>
/// <param name="Failed">Those that failed for good.</param>
/// <param name="Runs">How often the instance began with an empty history.</param>
internal sealed record RunNote(JsonElement? Status, long Done, long Failed, int Runs)
{
    public static RunNote None { get; } = new(null, 0, 0, 1);

    public static RunNote Read(string? json)
    {
        try
        {
            return json is null ? None : WorkflowJson.Read<RunNote?>(json) ?? None;
        }
        catch (JsonException)
        {
            // Set by somebody else's function.
            return None;
        }
    }
}

/// <summary>The input of a run that is not an instance's first: what the runs before it came to travels along.</summary>
internal sealed record ContinuedInput([property: JsonPropertyName("$run")] RunNote Run, JsonElement Input)
{
    /// <summary>The plain input and the note of an instance's input.</summary>
    public static (string Input, RunNote Note) Open(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Object || !input.TryGetProperty("$run", out _))
            return (Json.Text(input), RunNote.None);
        var continued = WorkflowJson.Read<ContinuedInput>(input.GetRawText());
        return (Json.Text(continued.Input), continued.Run with { Runs = continued.Run.Runs + 1 });
    }
}
