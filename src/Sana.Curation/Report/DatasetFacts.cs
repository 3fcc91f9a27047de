using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>
/// <c>stats.json</c> of a version: what a dataset card counts. It follows from the rows alone and does not depend on their order.
/// </summary>
public sealed record DatasetFacts
{
    private const string Kind = "sana.dataset-stats/1";

    /// <value>What the file is: <c>sana.dataset-stats/1</c>.</value>
    public string Schema { get; init; } = Kind;

    /// <value>Rows of the index.</value>
    public required long Rows { get; init; }

    /// <value>Images in the shards.</value>
    public required long Images { get; init; }

    /// <value>Rows by status.</value>
    public required IReadOnlyDictionary<string, long> Statuses { get; init; }

    /// <value>What each captioner gave, and the captions that came with the images, by label.</value>
    public required IReadOnlyList<LabelFacts> Labels { get; init; }

    /// <value>Images in the shards by the licence that the source states, cut to 120 characters; the empty text for none.</value>
    public required IReadOnlyDictionary<string, long> Licences { get; init; }

    /// <value>Images in the shards whose licence is none of the first 1,000 different ones.</value>
    public long OtherLicences { get; init; }

    /// <value>Scores of the chosen captions; null when none has one.</value>
    public ScoreFacts? Scores { get; init; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="CurationException">It is damaged or of another kind.</exception>
    public static DatasetFacts Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (JsonSerializer.Deserialize(bytes, DatasetFactsJson.Lines.DatasetFacts) is { Schema: Kind } facts)
                return facts;
        }
        catch (JsonException e)
        {
            throw new CurationException($"The dataset's stats.json is not readable: {e.Message} Delete the file and run the dataset again.", e);
        }

        throw new CurationException($"The dataset's stats.json is not {Kind}; read it with the version that wrote it.");
    }

    /// <summary>The file's content.</summary>
    public byte[] Bytes() => CanonicalJson.Bytes(JsonSerializer.SerializeToNode(this, DatasetFactsJson.Lines.DatasetFacts));

    internal static DatasetFacts Of(Totals totals) => new()
    {
        Rows = totals.Rows,
        Images = totals.Succeeded,
        Statuses = totals.Statuses,
        Labels = [.. totals.Captioners.Values.Select(one =>
            new LabelFacts(one.Label, one.Model, one.Licence, one.Usable, one.Chosen, Rounded(one.Scores.Mean)))],
        Licences = totals.Licences,
        OtherLicences = totals.OtherLicences,
        Scores = totals.Chosen.Count == 0 ? null
            : new ScoreFacts(totals.Chosen.Count, Rounded(totals.Chosen.Mean)!.Value, totals.Chosen.Least!.Value, totals.Chosen.Most!.Value),
    };

    private static double? Rounded(double? mean) => mean is { } value ? Math.Round(value, 4) : null;
}

/// <summary>The captions of one label.</summary>
/// <param name="Label">The captioner's label; <c>prompt</c> for captions that came with the images.</param>
/// <param name="Model">The model; null for captions that came with the images.</param>
/// <param name="Licence">Licence of the model's captions; null when nobody said.</param>
/// <param name="Usable">Captions that could be chosen.</param>
/// <param name="Chosen">Captions that were chosen.</param>
/// <param name="MeanScore">Mean CLIP score of the usable ones, 100 × cosine; null when none has one.</param>
public sealed record LabelFacts(string Label, string? Model, string? Licence, long Usable, long Chosen, double? MeanScore);

/// <summary>CLIP scores, 100 × cosine.</summary>
/// <param name="Count">How many.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Least">The lowest, down to a quarter of a point.</param>
/// <param name="Most">The highest, up to a quarter of a point.</param>
public sealed record ScoreFacts(long Count, double Mean, double Least, double Most);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(DatasetFacts))]
internal sealed partial class DatasetFactsJson : JsonSerializerContext
{
    public static DatasetFactsJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
