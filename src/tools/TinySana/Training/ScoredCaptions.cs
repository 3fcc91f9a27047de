using System.Text.Json;
using Sana.StillLife;

namespace TinySana.Training;

/// <summary>
/// Several captions of each scene with their CLIP scores, of which every step draws one: exp(score / τ) is its weight (SANA, arXiv:2410.10629, section 3.3). τ = 0 is its limit, the best.
/// </summary>
/// <param name="temperature">τ, 0 or more, in the unit of the scores.</param>
internal sealed class ScoredCaptions(double temperature)
{
    private readonly Dictionary<ulong, Candidate[]> _scenes = [];

    /// <summary>One caption.</summary>
    /// <param name="Text">What it says.</param>
    /// <param name="Score">How well it fits the picture; the same for all keeps the draw even.</param>
    public sealed record Candidate(string Text, double Score);

    /// <summary>Writes a file that <see cref="Read"/> reads, a scene as soon as its captions are there.</summary>
    public static void Write(string path, IEnumerable<(ulong Seed, IEnumerable<Candidate> Captions)> scenes)
    {
        using (var lines = new StreamWriter(path + ".part"))
        {
            foreach (var (seed, captions) in scenes)
                lines.WriteLine(JsonSerializer.Serialize(new { seed, captions = captions.Select(one => new { text = one.Text, score = one.Score }) }));
        }

        File.Move(path + ".part", path, overwrite: true);
    }

    /// <summary>Adds the lines of a file: <c>{"seed": 1, "captions": [{"text": "a star", "score": 27.1}]}</c>.</summary>
    public void Read(string path)
    {
        foreach (var line in File.ReadLines(path))
        {
            using var json = JsonDocument.Parse(line);
            _scenes[json.RootElement.GetProperty("seed").GetUInt64()] =
            [
                .. json.RootElement.GetProperty("captions").EnumerateArray().Select(one => new Candidate(one.GetProperty("text").GetString()!, one.GetProperty("score").GetDouble())),
            ];
        }
    }

    /// <summary>A <see cref="CaptionSource"/>: null for a scene of which nobody has said anything.</summary>
    public string? Draw(ulong seed, Scene scene, SceneRandom random)
    {
        if (!_scenes.TryGetValue(seed, out var captions) || captions.Length == 0)
            return null;
        var best = captions.Max(one => one.Score);
        double[] weights = [.. captions.Select(one => one.Score == best ? 1 : Math.Exp((one.Score - best) / temperature))];
        var left = random.Unit() * weights.Sum();
        return captions[Math.Max(0, Array.FindIndex(weights, weight => (left -= weight) < 0))].Text;
    }
}
