using System.Globalization;
using System.Text.Json;
using Sana.Curation.Selection;

namespace Sana.Curation.Shards;

/// <summary>The json files beside a tar, in the form that Sana's loader merges into its samples: <c>{key: {label: text}}</c>.</summary>
internal static class Sidecar
{
    private const int FlushAt = 64 * 1024;

    /// <summary>Writes one label of many keys; a key whose text is null is left out.</summary>
    public static async Task Write(Stream stream, string label, IEnumerable<(string Key, string? Text)> texts, CancellationToken cancellationToken)
    {
        await using var json = new Utf8JsonWriter(stream, Sample.Json);
        json.WriteStartObject();
        foreach (var (key, text) in texts)
        {
            if (text is null)
                continue;
            json.WriteStartObject(key);
            json.WriteString(label, text);
            json.WriteEndObject();
            if (json.BytesPending > FlushAt)
                await json.FlushAsync(cancellationToken);
        }

        json.WriteEndObject();
    }

    /// <summary>A captioner's text for a row; null when it is not usable.</summary>
    public static string? Caption(IndexRow row, string label) => Usable(row, label)?.Text;

    /// <summary>The score of a captioner's text, only where there is the text: Sana passes over a score whose label it does not know.</summary>
    public static string? Score(IndexRow row, string label) => Text(Usable(row, label)?.Score);

    /// <summary>The score of what the field <c>prompt</c> holds.</summary>
    public static string? PromptScore(IndexRow row) => Text(Sample.Prompt(row).Score);

    /// <summary>As Sana's scorer writes them: texts of four decimals.</summary>
    public static string? Text(double? score) => CaptionSelector.IsValid(score) ? score!.Value.ToString("F4", CultureInfo.InvariantCulture) : null;

    private static Candidate? Usable(IndexRow row, string label) => row.Candidates.FirstOrDefault(candidate => candidate.Label == label && candidate.IsUsable());
}
