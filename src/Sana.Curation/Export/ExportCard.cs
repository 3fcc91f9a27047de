using System.Globalization;
using System.Text;
using Sana.Curation.Report;
using Sana.Storage;
using static System.FormattableString;

namespace Sana.Curation.Export;

/// <summary>The <c>README.md</c> of an export: a dataset card for the Hub, and for people how their tool reads it.</summary>
internal sealed record ExportCard(ExportDataset Dataset, ExportOptions Options, DatasetFacts Facts, long ImageBytes,
    IReadOnlyList<(string Name, string Type)> Columns)
{
    private bool IsList => Options.Captions == ExportOptions.All;

    public byte[] Bytes()
    {
        var card = new StringBuilder(HubMetadata.Head($"{Dataset.Dataset} {Dataset.Version}", Facts,
            Options.Format == ExportFormat.Parquet ? [new HubConfig("default", ["data/train-*.parquet"])] : [], Info()));
        card.Append(Invariant($"\n# {Markdown.Text(Dataset.Dataset)} {Markdown.Text(Dataset.Version)}\n\n"));
        card.Append(Invariant($"{Display.Number(Facts.Images)} images with captions ({Counted.Bytes(ImageBytes)}). {Which()}\n"));
        card.Append(DatasetCard.Sections.Captions(Facts)).Append(DatasetCard.Sections.Licences(Facts));
        card.Append("\n## How to load it\n\n").Append(Loading().ReplaceLineEndings("\n")).Append('\n');
        return Encoding.UTF8.GetBytes(card.ToString());
    }

    private string Which() => Options switch
    {
        { Captions: ExportOptions.All } => "Each image has all its usable captions, the chosen one first.",
        { Captions: ExportOptions.Chosen, Selection: { } selection } => $"Each image has the caption of the selection {Markdown.Text(selection)}.",
        { Captions: ExportOptions.Chosen } => "Each image has its chosen caption.",
        _ => $"Each image has the caption with the label {Markdown.Text(Options.Captions)}.",
    };

    private string Info()
    {
        if (Options.Format != ExportFormat.Parquet)
            return "";
        var yaml = new StringBuilder("dataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: text\n");
        yaml.Append(IsList ? "    sequence: string\n" : "    dtype: string\n");
        foreach (var (name, type) in Columns)
            yaml.Append(CultureInfo.InvariantCulture, $"  - name: {name}\n    dtype: {type}\n");
        return yaml.Append(CultureInfo.InvariantCulture,
            $"  splits:\n  - name: train\n    num_bytes: {ImageBytes}\n    num_examples: {Facts.Images}\n").ToString();
    }

    private string Loading() => Options.Format switch
    {
        ExportFormat.ImageFolder => """
            ```python
            from datasets import load_dataset
            samples = load_dataset("imagefolder", data_dir="path/to/this/folder", split="train")
            ```

            Scripts of diffusers: `--train_data_dir path/to/this/folder --caption_column text`; of a list of captions they draw one.
            """,
        ExportFormat.Folder => """
            Each image has a `.txt` of its stem beside it; a line is a caption.

            * kohya's scripts: `image_dir` is this folder, `caption_extension = ".txt"`; one of the lines is drawn with `enable_wildcard = true`, else the first.
            * OneTrainer: a concept with this folder as its path and "From text file per sample" as its source of prompts.
            * SimpleTuner: `"instance_data_dir"` is this folder, `"caption_strategy": "textfile"`.
            """,
        ExportFormat.Parquet => """
            ```python
            from datasets import load_dataset
            samples = load_dataset("path/to/this/folder", split="train")    # or the repository that it was uploaded to
            ```
            """,
        _ => $"""
            ```yaml
            # Sana's trainer; it takes square images only, so other forms are cut
            data:
              type: SanaImgDataset
              data_dir: [path/to/this/folder]
              external_caption_suffixes: [{Suffixes("")}]
              external_clipscore_suffixes: [{Suffixes("_clip_score")}]
            model:
              multi_scale: false
            ```
            """,
    };

    private string Suffixes(string ending)
    {
        if (!IsList || (ending.Length > 0 && Dataset.Scorer is null))
            return "";
        var labels = Facts.Labels.Where(label => label.Usable > 0).Select(label => label.Label)
            .Where(label => ending.Length > 0 || label != Candidate.OriginalLabel);
        return string.Join(", ", labels.Concat(Options.Selection is { } selection && ending.Length == 0 ? [selection] : [])
            .Select(label => $"_{label}{ending}"));
    }
}
