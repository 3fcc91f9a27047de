using System.Text;
using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Curation.Sources.Tars;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>Reads a tar as Sana's copy of wids does, and what streaming readers of webdataset would say to it.</summary>
internal sealed class TarReading(LoaderFindings findings)
{
    private const int MostSampleJson = 4 * 1024 * 1024;
    private const int MostSamples = 200_000;
    private static readonly string[] _images = [".jpg", ".png"];

    /// <summary>The shard; null when there is nothing to index.</summary>
    public async Task<LoadedShard?> Read(ISourceFiles files, string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var tar = await files.Open(name, cancellationToken);
            var head = new byte[2];
            if (tar?.Length >= head.Length)
                await tar.ReadExactlyAsync(head, cancellationToken);
            if (head is [0x1F, 0x8B])
            {
                findings.Error("packed_tar", name, null, "The tar is packed with gzip; members are read where they lie, so no sample of it loads. Unpack it.");
                return null;
            }

            if (tar is null || tar.Length < TarHeader.Bytes)
            {
                findings.Error("no_tar", name, null, "The tar has no header or is gone; the loader fails at its first sample.");
                return null;
            }

            var shard = new LoadedShard(name, new Dictionary<string, LoadedSample>(StringComparer.Ordinal));
            await Index(tar, shard, cancellationToken);
            foreach (var (key, sample) in shard.Samples)
                await Examine(tar, shard, key, sample, cancellationToken);
            return shard;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Error("unreadable_tar", name, null, "The tar cannot be read to its end.");
            return null;
        }
    }

    private async Task Index(Stream tar, LoadedShard shard, CancellationToken cancellationToken)
    {
        var current = "";
        await foreach (var entry in new TarWalk(tar).Read(cancellationToken))
        {
            if (entry.Reason is not null)
            {
                findings.Error("bad_member", shard.Tar, entry.Name, $"A member is damaged or no plain file; the loader stops, or reads wrong bytes. {entry.Message}", entry.Reason);
                continue;
            }

            var key = FileNames.Key(entry.Name);
            if (key.Length == entry.Name.Length)
            {
                findings.Warning("ignored_member", shard.Tar, entry.Name, "A member's name has no dot; it belongs to no sample and is ignored.");
                continue;
            }

            if (Encoding.UTF8.GetByteCount(entry.Name) > SampleKey.MostNameBytes)
                findings.Error("long_name", shard.Tar, key, $"A name has more than {SampleKey.MostNameBytes} bytes; the loader reads the first {SampleKey.MostNameBytes} as the name.");
            if (shard.Samples.Count == MostSamples && !shard.Samples.ContainsKey(key))
            {
                findings.Error("too_many_samples", shard.Tar, key, $"The tar has more than {MostSamples} samples; the rest is not looked at. Shards have up to 10,000.");
                return;
            }

            if (!shard.Samples.TryGetValue(key, out var sample))
                shard.Samples.Add(key, sample = new LoadedSample());
            else if (key != current)
                findings.Warning("not_adjacent", shard.Tar, key, "Members of a sample do not stand side by side; readers that stream the tar make several samples of them.");
            current = key;
            if (!sample.Members.TryAdd(entry.Name[key.Length..], (entry.Offset, entry.Length)))
            {
                findings.Error("duplicate_member", shard.Tar, key, "A name comes twice in the tar; the loader takes the last, streaming readers stop.");
                sample.Members[entry.Name[key.Length..]] = (entry.Offset, entry.Length);
            }
        }
    }

    private async Task Examine(Stream tar, LoadedShard shard, string key, LoadedSample sample, CancellationToken cancellationToken)
    {
        var hasImage = _images.Any(sample.Members.ContainsKey);
        if (!hasImage)
            findings.Error("no_image", shard.Tar, key, WhyNoImage(sample));
        if (!sample.Members.TryGetValue(".json", out var place))
        {
            findings.Error("missing_json", shard.Tar, key, "A sample has no .json; the loader takes another sample in its place.");
            return;
        }

        if (place.Length > MostSampleJson)
        {
            findings.Error("unreadable_json", shard.Tar, key, $"A sample's json has {place.Length} bytes.");
            return;
        }

        var bytes = new byte[place.Length];
        tar.Position = place.Offset;
        await tar.ReadExactlyAsync(bytes, cancellationToken);
        var (json, fault) = BoundedJson.Parse(bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes);
        if (json is null)
        {
            findings.Error("unreadable_json", shard.Tar, key, $"A sample's json is not read: {fault}. The loader takes another sample in its place.");
            return;
        }

        using (json)
            sample.Loads = Facts(json.RootElement, shard.Tar, key, sample) && hasImage;
    }

    private bool Facts(JsonElement json, string tar, string key, LoadedSample sample)
    {
        foreach (var member in json.EnumerateObject())
            sample.Info.Add(member.Name);
        sample.HasOriginal = json.TryGetProperty("prompt_label", out var label) && label.ValueKind == JsonValueKind.String && label.ValueEquals(Candidate.OriginalLabel);
        var loads = true;
        foreach (var side in new[] { "width", "height" })
        {
            if (json.TryGetProperty(side, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var pixels) && pixels > 0)
                continue;
            findings.Error("missing_size", tar, key, $"A sample's json has no {side} above 0; it is never put into a batch.", side);
            loads = false;
        }

        if (!json.TryGetProperty("prompt", out var prompt))
        {
            findings.Error("missing_prompt", tar, key, "A sample's json has no prompt; wherever the loader falls back on it, it takes another sample instead.");
            loads = false;
        }
        else if (prompt.ValueKind == JsonValueKind.Null || (prompt.ValueKind == JsonValueKind.String && prompt.ValueEquals("")))
        {
            findings.Warning("empty_prompt", tar, key, "A sample's prompt is empty; wherever the loader falls back on it, it trains on no text.");
        }
        else if (prompt.ValueKind != JsonValueKind.String)
        {
            findings.Error("wrong_prompt", tar, key, "A sample's prompt is no text.");
            loads = false;
        }

        return loads;
    }

    private static string WhyNoImage(LoadedSample sample)
    {
        var suffixes = sample.Members.Keys;
        if (suffixes.FirstOrDefault(suffix => _images.Contains(suffix, StringComparer.OrdinalIgnoreCase)) is { } spelled)
            return $"A sample has {spelled}; the loader knows .jpg and .png in small letters only.";
        if (suffixes.FirstOrDefault(suffix => suffix.LastIndexOf('.') > 0 && _images.Any(image => suffix.EndsWith(image, StringComparison.OrdinalIgnoreCase))) is { } dotted)
            return $"A key has a dot: readers cut it at the first one, so the image is called '{FileNames.Shown(dotted)}' and is not found.";
        return suffixes.FirstOrDefault(suffix => FileNames.Kind("x" + suffix) == FileKind.Image) is { } other
            ? $"A sample's image is {FileNames.Shown(other)}; the loader reads .jpg and .png."
            : "A sample has no .jpg or .png; the loader takes another sample in its place.";
    }
}
