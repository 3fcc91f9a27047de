using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;
using Sana.Curation.Sources;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>Merges captions and scores beside a tar into its samples by the rules of Sana's loaders, and says what these pass over.</summary>
internal sealed class SidecarReading(ISourceFiles files, LoaderFindings findings)
{
    private static readonly string[] _facts = ["width", "height"];

    /// <summary>One suffix of captions. Its file is there.</summary>
    public async Task Captions(LoadedShard shard, string name, string suffix, CancellationToken cancellationToken)
    {
        var (json, fault) = await BoundedJson.File(files, name, cancellationToken);
        if (json is null)
        {
            findings.Error("unreadable_sidecar", shard.Tar, null, $"{name} is not read: {fault}. The loader goes on as if it were empty.", suffix);
            return;
        }

        using var _ = json;
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, captions) in Entries(json.RootElement, shard, name, suffix))
        {
            known.Add(key);
            var sample = shard.Samples[key];
            // The multi-scale loader takes an entry with 'prompt' for a caption under the suffix, and nothing else of it.
            if (captions.TryGetProperty(Candidate.OriginalLabel, out var prompt))
            {
                var label = suffix.Replace('.', '_');
                findings.Warning("prompt_in_sidecar", shard.Tar, key, $"{name} uses the label 'prompt': the multi-scale loader calls it '{label}', the others overwrite the sample's own caption with it.", suffix);
                Label(shard, key, sample, label, prompt, name);
                continue;
            }

            foreach (var (label, caption) in Members(captions))
                Label(shard, key, sample, label, caption, name);
        }

        foreach (var key in shard.Samples.Keys.Where(key => !known.Contains(key)))
            findings.Warning("missing_caption", shard.Tar, key, $"{name} has nothing for a sample; its captions are not among those drawn from.", suffix);
    }

    /// <summary>One suffix of scores. Its file is there.</summary>
    public async Task Scores(LoadedShard shard, string name, string suffix, CancellationToken cancellationToken)
    {
        var (json, fault) = await BoundedJson.File(files, name, cancellationToken);
        if (json is null)
        {
            findings.Error("unreadable_sidecar", shard.Tar, null, $"{name} is not read: {fault}. The loader goes on as if it were empty.", suffix);
            return;
        }

        using var _ = json;
        var labels = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, scores) in Entries(json.RootElement, shard, name, suffix))
        {
            foreach (var (label, value) in Members(scores))
            {
                labels.Add(label);
                var score = Score(value);
                if (score is null)
                    findings.Error("bad_score", shard.Tar, key, $"{name} has a score that is no number; the loader takes another sample in its place.", suffix);
                else if (!shard.Samples[key].Info.Contains(label))
                    findings.Warning("score_without_label", shard.Tar, key, $"{name} has a score for '{FileNames.Shown(label)}', and the sample no caption of that label; the score is ignored.", suffix);
                else if (!double.IsFinite(score.Value) || score < 0)
                    findings.Error("negative_score", shard.Tar, key, $"{name} has a score below 0 or without end; its weight is no number, and the draw fails.", suffix);
                else
                    shard.Samples[key].Scored.Add(label);
            }
        }

        foreach (var (key, sample) in shard.Samples)
        {
            foreach (var label in labels.Where(label => sample.Info.Contains(label) && !sample.Scored.Contains(label)))
                findings.Warning("caption_without_score", shard.Tar, key, $"{name} has no score that counts for a sample's caption '{FileNames.Shown(label)}'; the loader never draws it.", suffix);
        }
    }

    /// <summary>The scores that decide whether an image is put into a batch. The file is there, whether it stands among the suffixes or not.</summary>
    public async Task PromptScores(LoadedShard shard, string name, CancellationToken cancellationToken)
    {
        var (json, fault) = await BoundedJson.File(files, name, cancellationToken);
        if (json is null)
        {
            findings.Error("prompt_score_missing", shard.Tar, null, $"{name} is not read: {fault}. The loader drops every image of the shard.");
            return;
        }

        using var _ = json;
        var scored = Members(json.RootElement)
            .Select(member => (Key: member.Name, Score: member.Value.ValueKind == JsonValueKind.Object && member.Value.TryGetProperty(Candidate.OriginalLabel, out var value) ? Score(value) : null))
            .Where(entry => entry.Score is not null).ToLookup(entry => entry.Key, entry => entry.Score!.Value, StringComparer.Ordinal);
        foreach (var bad in scored.Where(entry => !double.IsFinite(entry.Last()) || entry.Last() < 0))
            findings.Error("negative_score", shard.Tar, bad.Key, $"{name} has a score of 'prompt' below 0 or without end; the loader drops the image as below any threshold. Write 0.");
        foreach (var key in shard.Samples.Keys.Where(key => !scored.Contains(key)))
            findings.Error("prompt_score_missing", shard.Tar, key, $"{name} has no score of 'prompt' for a sample; where the file exists it must hold every key, and the loader drops the others.");
    }

    private IEnumerable<(string Key, JsonElement Value)> Entries(JsonElement json, LoadedShard shard, string name, string suffix)
    {
        foreach (var (key, entry) in Members(json))
        {
            if (!shard.Samples.ContainsKey(key))
                findings.Warning("unknown_key", shard.Tar, key, $"{name} has a key that the tar has not; it is ignored.", suffix);
            else if (entry.ValueKind != JsonValueKind.Object)
                findings.Error("wrong_sidecar", shard.Tar, key, $"{name} has an entry that is no object of labels; the loader takes another sample in its place.", suffix);
            else
                yield return (key, entry);
        }
    }

    private static IEnumerable<(string Name, JsonElement Value)> Members(JsonElement json) => json.EnumerateObject().Select(member => (member.Name, member.Value));

    private void Label(LoadedShard shard, string key, LoadedSample sample, string label, JsonElement caption, string name)
    {
        if (_facts.Contains(label))
            findings.Error("label_hides_fact", shard.Tar, key, $"{name} uses the label '{label}', which overwrites the sample's {label}.", name);
        if (label.Contains('.', StringComparison.Ordinal))
            findings.Warning("dotted_label", shard.Tar, key, $"{name} uses the label '{FileNames.Shown(label)}'; labels without dots also work as suffixes.", name);
        if (caption.ValueKind == JsonValueKind.Null)
            findings.Warning("empty_caption", shard.Tar, key, $"{name} has a caption that is null; where it is drawn, the loader trains on no text.", name);
        else if (caption.ValueKind != JsonValueKind.String)
            findings.Error("wrong_caption", shard.Tar, key, $"{name} has a caption that is no text.", name);
        sample.Info.Add(label);
    }

    // Python's float(): numbers and texts of numbers, blanks around them.
    private static double? Score(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out var number) => number,
        JsonValueKind.String when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };
}

/// <summary>Json of others: bounded in bytes and depth, and never an exception.</summary>
internal static class BoundedJson
{
    private const int MostMegabytes = 64;

    /// <summary>A file's content; null and why when it is not there as json. A byte order mark is a fault: Python's reader of text files stops at it.</summary>
    public static async Task<(JsonDocument? Json, string? Fault)> File(ISourceFiles files, string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await files.Open(name, cancellationToken);
            if (stream is null)
                return (null, "it is gone");
            if (stream.Length > MostMegabytes * 1024L * 1024)
                return (null, $"it has {stream.Length} bytes; up to {MostMegabytes} MB are read");
            var bytes = new byte[stream.Length];
            await stream.ReadExactlyAsync(bytes, cancellationToken);
            return bytes.AsSpan().StartsWith("\uFEFF"u8) ? (null, "it begins with a byte order mark, which Python's json does not take") : Parse(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, "it cannot be read to its end");
        }
    }

    /// <summary>The content of bytes. Every name and text in it can be read: half a surrogate pair is a fault of the whole.</summary>
    public static (JsonDocument? Json, string? Fault) Parse(ReadOnlyMemory<byte> bytes)
    {
        if (!Utf8.IsValid(bytes.Span))
            return (null, "it is not UTF-8");
        JsonDocument? json = null;
        try
        {
            json = JsonDocument.Parse(bytes);
            if (bytes.Span.IndexOf("\\ud"u8) >= 0 || bytes.Span.IndexOf("\\uD"u8) >= 0)
                ReadTexts(json.RootElement);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                return (json, null);
            json.Dispose();
            return (null, "it is no object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            json?.Dispose();
            return (null, e is JsonException ? "it is not valid json" : "it has half a surrogate pair");
        }
    }

    private static void ReadTexts(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                _ = json.GetString();
                break;
            case JsonValueKind.Object:
                foreach (var member in json.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray())
                    ReadTexts(item);
                break;
        }
    }
}
