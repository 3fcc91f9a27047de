using System.Globalization;
using System.Text;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Inference.Clip;
using Sana.Storage;
using static System.FormattableString;

namespace Sana.Curation.Report;

/// <summary>
/// The dataset card of a version, <c>README.md</c>: what the Hub shows, and where <c>datasets.load_dataset</c> finds shards and index. Its bytes follow from
/// its values. What strangers wrote (licences, names of models) stands in it as plain text.
/// </summary>
public sealed record DatasetCard
{
    private const string Number = "[0-9][0-9][0-9][0-9][0-9]";

    /// <value>The dataset's name.</value>
    public required string Dataset { get; init; }

    /// <value>Its version.</value>
    public required string Version { get; init; }

    /// <value>Name and version of the program.</value>
    public required string Tool { get; init; }

    /// <value>Counts over all rows.</value>
    public required DatasetFacts Facts { get; init; }

    /// <value>Its shards.</value>
    public required IReadOnlyList<ShardStats> Shards { get; init; }

    /// <value>jpg or png.</value>
    public required string ImageExtension { get; init; }

    /// <value>The CLIP checkpoint behind scores; null when nothing was scored.</value>
    public string? Scorer { get; init; }

    /// <value>Names of further checkpoints, whose scores chose nothing. Default none.</value>
    public IReadOnlyList<string> OtherScorers { get; init; } = [];

    /// <value>How captions were chosen.</value>
    public required SelectionOptions Selection { get; init; }

    /// <value>Later choices.</value>
    public IReadOnlyList<CardSelection> Selections { get; init; } = [];

    /// <summary>The file's content, UTF-8.</summary>
    public byte[] Bytes()
    {
        var card = new StringBuilder();
        card.Append(HubMetadata.Head($"{Dataset} {Version}", Facts, [
            new HubConfig("default", Shards.All(shard => shard.Successes > 0) ? ["shards/*.tar"]
                : [.. Shards.Where(shard => shard.Successes > 0).Select(shard => $"shards/{new ShardNames(shard.Shard).Tar}")]),
            new HubConfig("index", [$"shards/{Number}.parquet"]),
            .. Selections.Select(selection => new HubConfig($"selection-{selection.Label}",
                [selection.Tables.Replace("00000", Number, StringComparison.Ordinal)])),
        ]));
        var bytes = Shards.Sum(shard => shard.Files[0].Bytes);
        card.Append(Invariant($"\n# {Markdown.Text(Dataset)} {Markdown.Text(Version)}\n\n"));
        card.Append(Invariant($"{Display.Number(Facts.Images)} images with captions in {Display.Number(Shards.Count)} shards ({Counted.Bytes(bytes)}), "));
        card.Append(Invariant($"made by {Markdown.Text(Tool)}. The index has {Display.Number(Facts.Rows)} rows: each item of the source, its captions, what became of it.\n"));
        card.Append(Sections.Rows(Facts)).Append(Sections.Captions(Facts)).Append(Sections.Licences(Facts)).Append(Choice());
        card.Append(Loading());
        return Encoding.UTF8.GetBytes(card.ToString());
    }

    private string Choice()
    {
        var text = new StringBuilder("\n## Scores and choice\n\n");
        text.Append(Scorer is null ? "Captions have no scores." : $"Scores are 100 × cosine by the CLIP checkpoint {Markdown.Text(Scorer)}.");
        if (OtherScorers.Count > 0)
            text.Append(Invariant($" Scores by {Markdown.Text(string.Join(", ", OtherScorers))} are another scale in columns of their own."));
        if (Facts.Scores is { } scores)
            text.Append(Invariant($" Chosen captions: mean {scores.Mean:0.00}, between {scores.Least:0.##} and {scores.Most:0.##}."));
        text.Append(Invariant($" One caption of each image was chosen by the rule {Rule(Selection)}.\n"));
        if (Selections.Count > 0)
        {
            text.Append('\n').Append(Markdown.Table(["later choice", "rule", "images with a caption"], Selections.Select(selection => new[]
            {
                Markdown.Text(selection.Label), Rule(selection.Options), Display.Number(selection.Selected),
            })));
        }

        return text.ToString();
    }

    private static string Rule(SelectionOptions options) => options.Rule switch
    {
        SelectionRule.Power or SelectionRule.Softmax =>
            Invariant($"{options.Rule.Name()} (tau {options.Tau}, threshold {options.For(ScorerFamily.Clip).Threshold}, seed {options.Seed})"),
        SelectionRule.TopK => Invariant($"top-k (k {options.K}, threshold {options.For(ScorerFamily.Clip).Threshold}, seed {options.Seed})"),
        SelectionRule.Max => "max",
        _ => $"proportion ({Markdown.Text(string.Join(", ", options.Proportions.OrderBy(part => part.Key, StringComparer.Ordinal)
            .Select(part => Invariant($"{part.Key} {part.Value}"))))})",
    };

    private string Loading()
    {
        var last = Shards.Max(shard => shard.Shard).ToString("00000", CultureInfo.InvariantCulture);
        var tars = Shards.Count == 1 ? "00000.tar" : $"{{00000..{last}}}.tar";
        var suffixes = Shards.SelectMany(shard => shard.Files.Where(file => file.Name.EndsWith(".json", StringComparison.Ordinal)
            && file.Name.Contains('_', StringComparison.Ordinal))
            .Select(file => file.Name[file.Name.IndexOf('_', StringComparison.Ordinal)..^".json".Length]))
            .Concat(Selections.SelectMany(selection => new[] { $"_{selection.Label}", $"_{selection.Label}_clip_score" }))
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToLookup(suffix => suffix.EndsWith("_clip_score", StringComparison.Ordinal));
        return string.Create(CultureInfo.InvariantCulture, $"""

            ## How to load it

            ```python
            from datasets import load_dataset
            samples = load_dataset("path/to/{Dataset}/{Version}", split="train")           # {ImageExtension}, txt (the chosen caption), json
            index = load_dataset("path/to/{Dataset}/{Version}", "index", split="train")    # one row an item, with all candidates
            ```

            ```python
            import webdataset
            samples = webdataset.WebDataset("shards/{tars}", shardshuffle=False).decode("pil").to_tuple("{ImageExtension}", "txt")
            ```

            ```python
            import glob, pandas
            index = pandas.concat(pandas.read_parquet(file) for file in sorted(glob.glob("shards/{Number}.parquet")))
            ```

            ```yaml
            # Sana's trainer
            data:
              type: SanaWebDatasetMS
              data_dir: [path/to/{Dataset}/{Version}/shards]
              external_caption_suffixes: ['', {string.Join(", ", suffixes[false])}]
              external_clipscore_suffixes: [{string.Join(", ", suffixes[true])}]
            ```

            """).ReplaceLineEndings("\n").Replace("['', ]", "['']", StringComparison.Ordinal);
    }

    /// <summary>Parts that the cards of exports have too.</summary>
    internal static class Sections
    {
        private const int MostLicences = 20;

        public static string Rows(DatasetFacts facts) => "\n"
            + Markdown.Table(["rows", "count"], facts.Statuses.Select(status => new[] { Markdown.Text(status.Key), Display.Number(status.Value) }));

        public static string Captions(DatasetFacts facts) => "\n## Captions\n\nThe label `prompt` is the caption that came with the image.\n\n"
            + Markdown.Table(
            ["label", "model", "licence of its captions", "usable", "chosen", "mean CLIP score"],
            facts.Labels.Select(label => new[]
            {
                Markdown.Text(label.Label), Markdown.Text(label.Model), Markdown.Text(label.Licence), Display.Number(label.Usable),
                Display.Number(label.Chosen),
                label.MeanScore is { } mean ? Invariant($"{mean:0.00}") : "",
            }));

        public static string Licences(DatasetFacts facts)
        {
            var stated = facts.Licences.OrderByDescending(licence => licence.Value).ThenBy(licence => licence.Key, StringComparer.Ordinal).ToArray();
            var rest = facts.OtherLicences + stated.Skip(MostLicences).Sum(licence => licence.Value);
            return "\n## Licences of the images\n\nAs the source states them, without a check.\n\n" + Markdown.Table(["licence", "images"],
            [
                .. stated.Take(MostLicences).Select(licence =>
                    new[] { licence.Key.Length == 0 ? "(none stated)" : Markdown.Text(licence.Key), Display.Number(licence.Value) }),
                .. rest > 0 ? new[] { new[] { "(others)", Display.Number(rest) } } : [],
            ]);
        }
    }
}

/// <summary>A choice that <c>sana select</c> made.</summary>
/// <param name="Label">What it is called.</param>
/// <param name="Options">How it was made.</param>
/// <param name="Selected">Images that have a caption by it.</param>
/// <param name="Tables">The table of its first shard from the card's folder; its number, 00000, stands for all.</param>
public sealed record CardSelection(string Label, SelectionOptions Options, long Selected, string Tables);
