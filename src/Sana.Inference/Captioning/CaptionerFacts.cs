using System.Globalization;
using Sana.Inference.Imaging;

namespace Sana.Inference.Captioning;

/// <summary>What the graph builder read from a captioner's configs and wrote into each of its graphs.</summary>
/// <param name="Name">Of the checkpoint's folder, or <c>owner/name</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, vocabulary and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="VocabularySize">Rows of the token table: ids are below this.</param>
/// <param name="Positions">Most tokens that the decoder takes.</param>
/// <param name="StartId">Every caption begins with it, unseen.</param>
/// <param name="EndIds">Each ends a caption.</param>
/// <param name="MaxTokens">Longest caption unless somebody asks for another.</param>
/// <param name="Side">Of the square that the encoder reads, in pixels.</param>
/// <param name="Filter">That images are resized with.</param>
/// <param name="Levels">From 8-bit pixels to the encoder's input.</param>
internal sealed record CaptionerFacts(
    string Name, string Fingerprint, int VocabularySize, int Positions, int StartId, int[] EndIds, int MaxTokens, int Side, PilFilter Filter, PixelLevels Levels)
{
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static CaptionerFacts From(IReadOnlyDictionary<string, string> metadata) => new(
        Text(metadata, "checkpoint"),
        Text(metadata, "fingerprint"),
        Whole(metadata, "vocab_size", 1, 2_000_000),
        Whole(metadata, "n_positions", 1, 1_000_000),
        Whole(metadata, "decoder_start_token_id", 0, 2_000_000),
        [.. Numbers(metadata, "eos_token_id").Select(id => (int)id)],
        Whole(metadata, "max_new_tokens", 1, 1_000_000),
        Whole(metadata, "image_size", 1, 65_536),
        Text(metadata, "resample") switch
        {
            "bilinear" => PilFilter.Bilinear,
            "bicubic" => PilFilter.Bicubic,
            var other => throw Unusable("resample", other),
        },
        new PixelLevels(Numbers(metadata, "rescale_factor", 1)[0], Numbers(metadata, "image_mean", 3), Numbers(metadata, "image_std", 3)));

    private static int Whole(IReadOnlyDictionary<string, string> metadata, string key, int from, int to) =>
        Numbers(metadata, key, 1)[0] is var number && number >= from && number <= to ? (int)number : throw Unusable(key, metadata[key]);

    private static double[] Numbers(IReadOnlyDictionary<string, string> metadata, string key, int? count = null)
    {
        var numbers = Array.ConvertAll(
            Text(metadata, key).Split(' '),
            word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN);
        return (count is null || numbers.Length == count) && numbers.All(double.IsFinite) ? numbers : throw Unusable(key, metadata[key]);
    }

    private static string Text(IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var text) ? text : throw Unusable(key, "missing");

    private static InferenceException Unusable(string key, string found) =>
        new($"The captioner's graph says {key} is {found}; it was not built for this program. Run `sana build --force` on the checkpoint.");
}
