using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;

namespace TinySana.Torch;

/// <summary>JSON files as published checkpoints have them: indented, UTF-8, with a newline at the end.</summary>
internal static class JsonFile
{
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="json">The content.</param>
    public static void Save(string path, JsonNode json)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, ConfigFloats.Text(json));
    }
}
