using System.Text.Json.Serialization;

namespace Sana.Curation.Export;

/// <summary>What a dataset is written as.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExportFormat>))]
public enum ExportFormat
{
    /// <summary>Images in folders and a <c>metadata.jsonl</c>: ImageFolder of Hugging Face's datasets, for diffusers' scripts.</summary>
    [JsonStringEnumMemberName("imagefolder")]
    ImageFolder,

    /// <summary>Images in one folder, each with a <c>.txt</c> of its stem: kohya's scripts, OneTrainer, SimpleTuner.</summary>
    [JsonStringEnumMemberName("folder")]
    Folder,

    /// <summary>Parquet files with the bytes of the images, and a dataset card: the Hub.</summary>
    [JsonStringEnumMemberName("parquet")]
    Parquet,

    /// <summary>Images, captions and scores in files of their own and a <c>meta_data.json</c>: Sana's <c>SanaImgDataset</c>.</summary>
    [JsonStringEnumMemberName("sana-img")]
    SanaImg,
}

/// <summary>The formats by their names.</summary>
public static class ExportFormats
{
    /// <summary>imagefolder, folder, parquet or sana-img.</summary>
    public static string Name(this ExportFormat format) => format switch
    {
        ExportFormat.ImageFolder => "imagefolder",
        ExportFormat.Folder => "folder",
        ExportFormat.Parquet => "parquet",
        ExportFormat.SanaImg => "sana-img",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No such format."),
    };

    /// <summary>The format of a name.</summary>
    /// <exception cref="CurationException">There is none of that name.</exception>
    public static ExportFormat Parse(string name) => Enum.GetValues<ExportFormat>().Cast<ExportFormat?>().FirstOrDefault(format => format!.Value.Name() == name)
        ?? throw new CurationException($"Export format '{name}' is unknown; use imagefolder, folder, parquet or sana-img.");
}

/// <summary>How a dataset is exported.</summary>
public sealed record ExportOptions
{
    /// <summary>The caption that was chosen.</summary>
    public const string Chosen = "chosen";

    /// <summary>Every usable caption, the chosen one first.</summary>
    public const string All = "all";

    /// <value>What it is written as.</value>
    public required ExportFormat Format { get; init; }

    /// <value><see cref="Chosen"/>, <see cref="All"/>, or the label of a captioner (<c>prompt</c> for the captions that came with the images).
    /// Default chosen.</value>
    public string Captions { get; init; } = Chosen;

    /// <value>The label of a later choice of captions, which stands for the chosen ones; images without a caption by it are left out. Null for none.</value>
    public string? Selection { get; init; }

    /// <value>Bytes of images after which a Parquet file ends, 1…2,000,000,000. Default 500,000,000.</value>
    public long MaxFileBytes { get; init; } = 500_000_000;

    /// <summary>Refuses what a dataset does not have.</summary>
    /// <param name="labels">Labels of its captions.</param>
    /// <exception cref="CurationException">A sentence with the value and what may be used.</exception>
    public ExportOptions Check(IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (Captions is not (Chosen or All) && !labels.Contains(Captions, StringComparer.Ordinal))
            throw new CurationException($"The dataset has no captions with the label '{Captions}'; use {Chosen}, {All}, or one of "
                + $"{string.Join(", ", labels)}.");
        if (Selection is not null)
            CaptionLabel.Check(Selection);
        if (Selection is not null && Captions is not (Chosen or All))
            throw new CurationException($"The captions of '{Captions}' and the selection '{Selection}' cannot both be written; give one of them.");
        if (MaxFileBytes is < 1 or > 2_000_000_000)
            throw new CurationException(FormattableString.Invariant($"A Parquet file of {MaxFileBytes} bytes of images is not 1…2000000000; use 500000000."));
        return this;
    }
}
