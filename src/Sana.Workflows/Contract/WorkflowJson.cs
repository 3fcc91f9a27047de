using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Workflows.Contract;

/// <summary>How values are written into the history: one form for every engine, so that the same input has the same text and hash everywhere.</summary>
public static class WorkflowJson
{
    /// <summary>The longest value that a history takes, in characters: 1,048,576. Bigger things are blobs, passed by name.</summary>
    public const int MaxLength = 1 << 20;

    private static readonly JsonSerializerOptions _options = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    /// <summary>The text of a value.</summary>
    /// <exception cref="ArgumentException">It is longer than <see cref="MaxLength"/>.</exception>
    public static string Write<T>(T value)
    {
        var json = JsonSerializer.Serialize(value, _options);
        return json.Length <= MaxLength
            ? json
            : throw new ArgumentException(
                $"A {typeof(T).Name} of {json.Length} characters does not fit the history, which takes {MaxLength}; write it to a blob and pass the name.");
    }

    /// <summary>The value of a text.</summary>
    /// <exception cref="JsonException">The text is not a <typeparamref name="T"/>.</exception>
    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, _options)!;
}
