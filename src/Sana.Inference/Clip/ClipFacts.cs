using System.Globalization;

namespace Sana.Inference.Clip;

/// <summary>What the graph builder read from a CLIP checkpoint's configs and wrote into each of its graphs.</summary>
/// <param name="Name">Of the checkpoint's folder, or <c>owner/name</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, tokenizer and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Preprocess">From pixels to the image tower's input.</param>
/// <param name="VocabularySize">Rows of the token table: ids must be below this.</param>
/// <param name="MaxPositions">Longest text in tokens.</param>
internal sealed record ClipFacts(string Name, string Fingerprint, ClipPreprocess Preprocess, int VocabularySize, int MaxPositions)
{
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static ClipFacts From(IReadOnlyDictionary<string, string> metadata)
    {
        if (Text(metadata, "resample") is var resample && resample != "bicubic")
        {
            throw Unusable("resample", resample);
        }

        var preprocess = new ClipPreprocess(
            (int)Numbers(metadata, "shortest_edge", 1)[0],
            (int)Numbers(metadata, "crop_size", 1)[0],
            Numbers(metadata, "rescale_factor", 1)[0],
            Numbers(metadata, "image_mean", 3),
            Numbers(metadata, "image_std", 3));
        return new ClipFacts(
            Text(metadata, "checkpoint"),
            Text(metadata, "fingerprint"),
            preprocess,
            (int)Numbers(metadata, "vocab_size", 1)[0],
            (int)Numbers(metadata, "max_position_embeddings", 1)[0]);
    }

    private static double[] Numbers(IReadOnlyDictionary<string, string> metadata, string key, int count)
    {
        var numbers = Array.ConvertAll(
            Text(metadata, key).Split(' '),
            word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN);
        return numbers.Length == count && numbers.All(double.IsFinite) ? numbers : throw Unusable(key, metadata[key]);
    }

    private static string Text(IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var text) ? text : throw Unusable(key, "missing");

    private static InferenceException Unusable(string key, string found) =>
        new($"The CLIP graph says {key} is {found}; it was not built for this program. Run `sana build --force` on the checkpoint.");
}
