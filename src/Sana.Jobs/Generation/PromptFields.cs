using System.Text.Json;
using System.Text.RegularExpressions;

namespace Sana.Jobs.Generation;

/// <summary>The names under which people's lists have what a row may say: those of this program, of the HTTP API, of diffusers and of other generators.</summary>
internal static partial class PromptFields
{
    private static readonly Dictionary<string, string> _names = Names(
        ("negative_prompt", "negative_prompt negative negativeprompt"),
        ("id", "id custom_id prompt_id"),
        ("seed", "seed"),
        ("seeds", "seeds"),
        ("images", "images n num_images num_images_per_prompt n_iter"),
        ("width", "width"),
        ("height", "height"),
        ("size", "size"),
        ("steps", "steps step num_inference_steps num_steps inference_steps"),
        ("guidance_scale", "guidance_scale guidance cfg_scale cfg"),
        ("lora", "lora loras"),
        ("image", "image"),
        ("mask", "mask"),
        ("strength", "strength"),
        (StartImage, StartImage),
        (PictureFault, PictureFault));

    /// <summary>What stands in the place of a row's picture when it was taken: its hash, or why it cannot be used.</summary>
    public const string StartImage = "start_image", PictureFault = "picture_fault";

    /// <summary>What the text itself may be called, the surest first.</summary>
    public static IReadOnlyList<string> Prompts { get; } = ["prompt", "prompts", "caption", "captions", "text", "texts", "description", "sentence", "top_caption"];

    /// <summary>The name that this program has for a field; null for one that means nothing here.</summary>
    public static string? Canonical(string name)
    {
        var lower = name.ToLowerInvariant().Replace('-', '_').Replace(' ', '_');
        return Prompts.Contains(lower) ? "prompt" : _names.GetValueOrDefault(lower);
    }

    /// <summary>Writes a value that came as text: as a number where the field takes one.</summary>
    public static void WriteValue(Utf8JsonWriter line, string name, string text)
    {
        if (name is not ("negative_prompt" or "size" or "prompt" or "id" or "lora" or "image" or "mask") && Number().IsMatch(text))
        {
            line.WritePropertyName(name);
            line.WriteRawValue(text);
        }
        else
        {
            line.WriteString(name, text);
        }
    }

    /// <summary>The JSON of a line such as <c>--prompt "a cat" --seed 3 --steps 20</c>; null for a line of another form.</summary>
    public static byte[]? OptionLine(string line)
    {
        var trimmed = line.Trim();
        if (!trimmed.StartsWith("--prompt", StringComparison.OrdinalIgnoreCase) || trimmed.Length < 10 || trimmed[8] is not (' ' or '='))
            return null;
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (Match option in Option().Matches(trimmed))
            {
                var name = option.Groups["name"].Value;
                var value = option.Groups["quoted"] is { Success: true } quoted ? Escaped().Replace(quoted.Value, "$1") : option.Groups["single"] is { Success: true } single ? single.Value : option.Groups["plain"].Value.Trim();
                name = name.ToLowerInvariant() switch { "w" => "width", "h" => "height", "d" => "seed", "s" => "steps", "l" => "guidance_scale", "n" when !Number().IsMatch(value) => "negative_prompt", _ => name };
                WriteValue(json, Canonical(name) is "prompt" ? "prompt" : name, value);
            }

            json.WriteEndObject();
        }

        return bytes.ToArray();
    }

    /// <summary>What looks like an option of another program at the end of a prompt, and is taken as part of it; null for nothing.</summary>
    public static string? ForeignEnding(string text) => Ending().Match(text) is { Success: true } ending ? ending.Value.Trim() : null;

    private static Dictionary<string, string> Names(params (string Name, string Aliases)[] fields) =>
        fields.SelectMany(field => field.Aliases.Split(' ').Select(alias => (alias, field.Name))).ToDictionary(pair => pair.alias, pair => pair.Name, StringComparer.Ordinal);

    [GeneratedRegex(@"\A-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?\z")]
    private static partial Regex Number();

    [GeneratedRegex("""(?:(?<=\s)|\A)--?(?<name>[A-Za-z][\w-]*)(?:\s*=\s*|\s+|\z)(?:"(?<quoted>(?:[^"\\]|\\.)*)"(?=\s|\z)|'(?<single>[^']*)'(?=\s|\z)|(?<plain>.*?)(?=\s+--[A-Za-z]|\z))""")]
    private static partial Regex Option();

    [GeneratedRegex("""\\(["\\])""")]
    private static partial Regex Escaped();

    [GeneratedRegex(@"(?<=\S)\s+--[A-Za-z][\w-]*(?:[ =]\S{1,40})?(?=\s|\z)|(?<=\S)\s+\|\s*[^|]{0,40}\z|<lora:[^<>]{1,80}>")]
    private static partial Regex Ending();
}
