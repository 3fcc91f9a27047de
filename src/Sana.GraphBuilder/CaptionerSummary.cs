using Sana.GraphBuilder.Checkpoint;

namespace Sana.GraphBuilder;

/// <summary>What is in a captioner's checkpoint.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="ImageSize">Side of the image that it reads, in pixels.</param>
/// <param name="VocabSize">Tokens that it chooses from.</param>
/// <param name="MaxTokens">Longest caption in tokens unless somebody asks for another.</param>
/// <param name="Fingerprint">SHA-256 over configs, vocabulary and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Networks">Encoder, decoder.</param>
/// <param name="StoredAs">Element types of the weights, as in <c>F32</c>.</param>
/// <param name="Bytes">Of the weights' files.</param>
/// <param name="Files">Names of the weights' files.</param>
public sealed record CaptionerSummary(
    string Name,
    int ImageSize,
    int VocabSize,
    int MaxTokens,
    string Fingerprint,
    IReadOnlyList<TowerSummary> Networks,
    string StoredAs,
    long Bytes,
    IReadOnlyList<string> Files)
{
    internal static CaptionerSummary Of(CaptionerFiles files)
    {
        var config = files.Config;
        return new(
            files.Name,
            config.Encoder.ImageSize,
            config.Decoder.VocabSize,
            config.Generation.MaxTokens,
            files.Fingerprint,
            [
                Network("encoder", config.Encoder.NumHiddenLayers, config.Encoder.HiddenSize, CaptionerTensors.OfEncoder(config)),
                Network("decoder", config.Decoder.NLayer, config.Decoder.NEmbd, CaptionerTensors.OfDecoder(config.Decoder, files.Tables)),
            ],
            NetworkSummary.Of("model", files.Weights).StoredAs,
            files.Weights.Files.Sum(file => file.Length),
            [.. files.Weights.Files.Select(file => Path.GetFileName(file.Path))]);
    }

    private static TowerSummary Network(string name, int layers, int width, IEnumerable<ExpectedTensor> tensors)
    {
        var parameters = tensors.Sum(tensor => tensor.Elements);
        return new TowerSummary(name, layers, width, parameters, parameters * sizeof(float));
    }
}
