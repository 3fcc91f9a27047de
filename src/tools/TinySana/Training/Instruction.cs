using System.Text.Json.Nodes;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The instruction that stands before every prompt: it asks the text encoder for a richer reading, as the published one does, in words of the small world.</summary>
internal static class Instruction
{
    /// <summary>The lines of <c>complex_human_instruction.json</c>; the prompt follows the last directly.</summary>
    public static IReadOnlyList<string> Lines { get; } =
    [
        "say all that is in the picture of the prompt:",
        "- keep every shape, colour, size and number that it names;",
        "- add place and background where it names none.",
        "prompt: ",
    ];

    /// <summary>The lines as the encoder reads them.</summary>
    public static string Text => string.Join('\n', Lines);

    public static void Write(string checkpointFolder) =>
        JsonFile.Save(Path.Combine(checkpointFolder, "complex_human_instruction.json"), new JsonArray([.. Lines.Select(line => (JsonNode)line)]));
}
