using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Sana.Tests.Shards;

/// <summary>
/// Sana's multi-scale loader and the wids reader below it, retold as plainly as they are: whole tar in memory, headers read by their fixed places, sidecars merged one after the other.
/// Shares nothing with the code under test.
/// </summary>
internal sealed class PlainLoader(string tar, string[] captionSuffixes, string[] scoreSuffixes)
{
    private readonly byte[] _bytes = File.ReadAllBytes(tar);

    /// <summary>Keys in the order in which the loader numbers them, each with its members by suffix.</summary>
    public Dictionary<string, Dictionary<string, byte[]>> Samples()
    {
        var samples = new Dictionary<string, Dictionary<string, byte[]>>();
        for (var at = 0; at < _bytes.Length;)
        {
            var name = Encoding.UTF8.GetString(_bytes, at, 100).Trim('\0');
            var size = Encoding.ASCII.GetString(_bytes, at + 124, 12).Trim('\0');
            if (size == "")
                break;
            var length = Convert.ToInt32(size.Trim(), 8);
            if (name != "" && _bytes[at + 156] is (byte)'0' or 0)
            {
                var dot = name.IndexOf('.', name.LastIndexOf('/') + 1);
                if (!samples.TryGetValue(name[..dot], out var members))
                    samples.Add(name[..dot], members = []);
                members[name[dot..]] = _bytes[(at + 512)..(at + 512 + length)];
            }

            at += 512 + ((length + 511) / 512 * 512);
        }

        return samples;
    }

    /// <summary>What the loader calls info: the sample's json with the labels of sidecars merged in.</summary>
    public JsonObject Info(string key, Dictionary<string, byte[]> members)
    {
        var info = JsonNode.Parse(members[".json"])!.AsObject();
        foreach (var suffix in captionSuffixes)
        {
            if (Sidecar(suffix)?[key] is not JsonObject captions)
                continue;
            if (captions["prompt"] is { } prompt)
                info[suffix.Replace('.', '_')] = prompt.DeepClone();
            else
                foreach (var (label, caption) in captions)
                    info[label] = caption?.DeepClone();
        }

        return info;
    }

    /// <summary>Labels and the probabilities with which the loader draws them.</summary>
    public Dictionary<string, double> Draws(string key, JsonObject info, double threshold, double temperature)
    {
        var (passing, best) = (new List<(string Label, double Score)>(), (Label: "prompt", Score: double.NegativeInfinity));
        foreach (var suffix in scoreSuffixes)
        {
            foreach (var (label, text) in Sidecar(suffix)?[key]?.AsObject() ?? [])
            {
                var score = double.Parse((string)text!, CultureInfo.InvariantCulture);
                if (!info.ContainsKey(label))
                    continue;
                if (score >= threshold)
                    passing.Add((label, score));
                if (score > best.Score)
                    best = (label, score);
            }
        }

        if (passing.Count == 0)
            return new Dictionary<string, double> { [best.Label] = 1 };
        var weights = passing.Select(pair => Math.Pow(pair.Score, 1 / Math.Max(temperature, 0.01))).ToArray();
        return passing.Zip(weights).ToDictionary(pair => pair.First.Label, pair => pair.Second / weights.Sum());
    }

    /// <summary>The score by which an image is put into a batch or not; null where the loader drops it.</summary>
    public double? ImageScore(string key)
    {
        if (Sidecar("_prompt_clip_score") is not { } scores)
            return 100;
        return (string?)scores[key]?["prompt"] is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;
    }

    private JsonNode? Sidecar(string suffix)
    {
        var file = tar.Replace(".tar", $"{suffix}.json", StringComparison.Ordinal);
        return File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file)) : null;
    }
}
