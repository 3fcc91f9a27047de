using Sana.Curation.Selection;

namespace Sana.Curation.Shards;

/// <summary>What all shards of a dataset have in common.</summary>
public sealed record ShardSettings
{
    /// <summary>The scorer whose column stands, empty, in datasets without a scorer.</summary>
    public const string DefaultScorer = "openai-clip-vit-large-patch14";

    /// <value>Ending of every image in the dataset: <c>jpg</c> or <c>png</c>, the two that Sana reads. Default jpg.</value>
    public string ImageExtension { get; init; } = "jpg";

    /// <value>Labels of the captioners, in the order of the configuration.</value>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <value>
    /// Name of the scorer in columns, such as <c>openai-clip-vit-large-patch14</c>: a-z, 0-9, hyphens and underscores, 1…64. Null when nothing is scored.
    /// </value>
    public string? Scorer { get; init; }

    /// <value>Names of further scorers, whose scores are in columns and chose nothing. Default none.</value>
    public IReadOnlyList<string> OtherScorers { get; init; } = [];

    /// <value>Who judged images: each has a column. Default nobody.</value>
    public IReadOnlyList<JudgeCard> Judges { get; init; } = [];

    /// <value>How captions were chosen; a threshold that is not given is CLIP's.</value>
    public required SelectionOptions Selection { get; init; }

    /// <value>Dataset and version, for the column <c>run_id</c>.</value>
    public required string RunId { get; init; }

    /// <value>Version of this program, for the column <c>pipeline_version</c>.</value>
    public required string PipelineVersion { get; init; }

    /// <summary>Refuses what would not load.</summary>
    /// <exception cref="CurationException">A sentence with the value, the limit and the fix.</exception>
    public ShardSettings Check()
    {
        if (ImageExtension is not ("jpg" or "png"))
            throw new CurationException($"Shards of '{ImageExtension}' images are not read by Sana; use jpg or png.");
        foreach (var label in Labels)
            CaptionLabel.Check(label);
        if (Labels.GroupBy(label => label, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new CurationException($"Two captioners have the label '{twice.Key}'; labels name files, so give one of them another.");
        foreach (var name in OtherScorers.Prepend(Scorer).OfType<string>())
        {
            if (name.Length is < 1 or > 64 || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_'))
                throw new CurationException($"Scorer name '{name}' is not allowed in a column; use 1…64 of a-z, 0-9, hyphens and underscores.");
        }

        Selection.Check();
        return this;
    }
}
