using System.Text.Encodings.Web;
using System.Text.Json;
using Sana.Curation.Selection;

namespace Sana.Curation.Shards;

/// <summary>A row that is in the shard, as the shard states it.</summary>
internal static class Sample
{
    /// <summary>Letters stay letters; Python, browsers and DuckDB read them alike.</summary>
    public static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The candidate behind the field <c>prompt</c>, which Sana's loader needs and falls back on: the original caption where it is usable, else the chosen one.</summary>
    public static Candidate Prompt(IndexRow row) =>
        row.Candidates.FirstOrDefault(candidate => candidate.Label == Candidate.OriginalLabel && candidate.IsUsable()) ?? Chosen(row);

    /// <summary>The chosen candidate.</summary>
    public static Candidate Chosen(IndexRow row) => row.Candidates.First(candidate => candidate.Label == row.CaptionLabel);

    /// <summary><c>{key}.json</c>: what Sana reads (file_name, prompt, width, height), and what people ask for. Nothing that depends on the machine.</summary>
    public static byte[] Facts(IndexRow row, string fileName)
    {
        var (prompt, chosen) = (Prompt(row), Chosen(row));
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Json))
        {
            json.WriteStartObject();
            json.WriteString("file_name", fileName);
            json.WriteString("prompt", prompt.Text);
            json.WriteNumber("width", row.Width!.Value);
            json.WriteNumber("height", row.Height!.Value);
            json.WriteString("prompt_label", prompt.Label);
            json.WriteString("caption_label", chosen.Label);
            Optional("caption_licence", chosen.Licence);
            Optional("uid", row.Uid);
            Optional("sha256", row.Sha256);
            Optional("phash", row.Phash);
            Optional("source_uri", row.SourceUri);
            Optional("licence", row.Licence);
            json.WriteEndObject();

            void Optional(string name, string? value)
            {
                if (value is not null)
                    json.WriteString(name, value);
            }
        }

        return bytes.ToArray();
    }
}
