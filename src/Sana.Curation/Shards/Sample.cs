using System.Formats.Tar;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sana.Curation.Selection;

namespace Sana.Curation.Shards;

/// <summary>A row that is in the shard, as the shard states it.</summary>
internal static class Sample
{
    /// <summary>Letters stay letters; Python, browsers and DuckDB read them alike.</summary>
    public static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>
    /// The candidate behind the field <c>prompt</c>, which Sana's loader needs and falls back on: the original caption where it is usable, else the chosen one.
    /// </summary>
    public static Candidate Prompt(IndexRow row) =>
        row.Candidates.FirstOrDefault(candidate => candidate.Label == Candidate.OriginalLabel && candidate.IsUsable()) ?? Chosen(row);

    /// <summary>The chosen candidate.</summary>
    public static Candidate Chosen(IndexRow row) => row.Candidates.First(candidate => candidate.Label == row.CaptionLabel);

    /// <summary><c>{key}.json</c>: what Sana reads (file_name, prompt, width, height), the chosen caption, and what people ask for. Nothing that depends on the machine.</summary>
    public static byte[] Facts(IndexRow row, string fileName)
    {
        var (prompt, chosen) = (Prompt(row), Chosen(row));
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Json))
        {
            json.WriteStartObject();
            json.WriteString("file_name", fileName);
            json.WriteString("prompt", prompt.Text);
            json.WriteString("caption", chosen.Text);
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

/// <summary>
/// Keys that every reader of shards takes: readers cut a key at its first dot, and long names go into extensions of the tar format that Sana's reader does not
/// know.
/// </summary>
internal static class SampleKey
{
    /// <summary>Characters of a name in a plain tar header.</summary>
    public const int MostNameBytes = 100;

    public const int MostLength = 90;

    public static bool IsValid(string key) => key.Length is >= 1 and <= MostLength && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}

/// <summary>
/// Writes samples as the members of a plain ustar archive: image, txt, json of one key side by side. Owners, times and modes are constant, so the same samples
/// give the same bytes.
/// </summary>
/// <param name="output">Takes the archive, in order.</param>
/// <param name="imageExtension">jpg or png.</param>
internal sealed class SampleTar(Stream output, string imageExtension) : IAsyncDisposable
{
    private const int BlockSize = 512;

    // Not 1970: GNU tar warns of a stamp as old as that.
    private static readonly DateTimeOffset _time = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly TarWriter _tar = new(output, TarEntryFormat.Ustar, leaveOpen: true);
    private bool _isEmpty = true;

    public async Task Add(IndexRow row, byte[] image, CancellationToken cancellationToken)
    {
        var fileName = $"{row.Key}.{imageExtension}";
        await Member(fileName, image, cancellationToken);
        await Member($"{row.Key}.txt", Encoding.UTF8.GetBytes(Sample.Chosen(row).Text!), cancellationToken);
        await Member($"{row.Key}.json", Sample.Facts(row, fileName), cancellationToken);
    }

    /// <summary>Ends the archive.</summary>
    public async ValueTask DisposeAsync()
    {
        await _tar.DisposeAsync();
        if (_isEmpty)
            await output.WriteAsync(new byte[2 * BlockSize]); // The writer leaves an archive of nothing at no bytes, which readers take for a damaged one.
    }

    private async Task Member(string name, byte[] bytes, CancellationToken cancellationToken)
    {
        var entry = new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            DataStream = new MemoryStream(bytes, writable: false),
            Mode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
            ModificationTime = _time,
        };
        _isEmpty = false;
        await _tar.WriteEntryAsync(entry, cancellationToken);
    }
}

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

    /// <summary>The score of what the field <c>prompt</c> holds; 0 where it has none.</summary>
    public static string? PromptScore(IndexRow row) => Text(Sample.Prompt(row).Score ?? 0);

    /// <summary>As Sana's scorer writes them: texts of four decimals. A negative one is 0: Sana's loader cannot draw with it.</summary>
    public static string? Text(double? score) => CaptionSelector.Weighed(score)?.ToString("F4", CultureInfo.InvariantCulture);

    private static Candidate? Usable(IndexRow row, string label) => row.Candidates.FirstOrDefault(candidate => candidate.Label == label && candidate.IsUsable());
}
