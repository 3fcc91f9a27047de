using System.Text;
using System.Text.Json;

namespace Sana.Curation.Captioning.Chat;

/// <summary>What an endpoint says of a failure, made fit for a row: one line, short, without the key that some servers repeat.</summary>
internal static class EndpointMessage
{
    private const int Longest = 300;

    public static string Of(byte[] body, string? key)
    {
        try
        {
            var root = JsonElement.Parse(body);
            return Plain(Text(root, "error") ?? Text(root, "message") ?? Text(root, "detail") ?? "", key);
        }
        catch (JsonException)
        {
            return "";
        }
    }

    public static string Plain(string text, string? key)
    {
        if (!string.IsNullOrEmpty(key))
            text = text.Replace(key, "***", StringComparison.Ordinal);
        var line = new StringBuilder(Math.Min(text.Length, Longest));
        foreach (var letter in text.AsSpan(0, Math.Min(text.Length, Longest)))
            line.Append(char.IsControl(letter) || char.IsSurrogate(letter) ? ' ' : letter);
        return line.ToString().Trim();
    }

    private static string? Text(JsonElement from, string name)
    {
        if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out var found))
            return null;
        return found.ValueKind switch
        {
            JsonValueKind.String => found.GetString(),
            JsonValueKind.Object => Text(found, "message"),
            _ => null,
        };
    }
}
