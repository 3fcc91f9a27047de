using Sana.GraphBuilder.Checkpoint;
using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder;

/// <summary>What is in a CLIP checkpoint.</summary>
/// <param name="Name">Of its folder; <c>owner/name</c> in the Hugging Face cache.</param>
/// <param name="ImageSize">Side of the image that it reads, in pixels.</param>
/// <param name="ContextLength">Longest text in tokens, start and end included.</param>
/// <param name="ProjectionDim">Width of the embeddings.</param>
/// <param name="HiddenAct">Activation of the image tower: <c>quick_gelu</c> or <c>gelu</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, tokenizer and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Towers">Image tower, text tower.</param>
/// <param name="StoredAs">Element types of the weights, as in <c>F32</c>.</param>
/// <param name="Bytes">Of the weights' files.</param>
/// <param name="Files">Names of the weights' files.</param>
public sealed record ClipSummary(
    string Name,
    int ImageSize,
    int ContextLength,
    int ProjectionDim,
    string HiddenAct,
    string Fingerprint,
    IReadOnlyList<TowerSummary> Towers,
    string StoredAs,
    long Bytes,
    IReadOnlyList<string> Files)
{
    internal static ClipSummary Of(ClipFiles files) => new(
        files.Name,
        files.Config.ImageSize,
        files.Config.MaxPositionEmbeddings,
        files.Config.ProjectionDim,
        files.Config.Vision.HiddenAct,
        files.Fingerprint,
        [Tower("vision_model", files.Config, ClipTensors.OfVision(files.Config)), Tower("text_model", files.Config, ClipTensors.OfText(files.Config))],
        NetworkSummary.Of("model", files.Weights).StoredAs,
        files.Weights.Files.Sum(file => file.Length),
        [.. files.Weights.Files.Select(file => Path.GetFileName(file.Path))]);

    private static TowerSummary Tower(string name, ClipConfig config, IEnumerable<ExpectedTensor> tensors)
    {
        var tower = name == "text_model" ? config.Text : config.Vision;
        var parameters = tensors.Sum(tensor => tensor.Elements);
        return new TowerSummary(name, tower.NumHiddenLayers, tower.HiddenSize, parameters, parameters * sizeof(float));
    }
}

/// <summary>One tower of a CLIP checkpoint, or one half of a captioner.</summary>
/// <param name="Name"><c>vision_model</c> or <c>text_model</c>; <c>encoder</c> or <c>decoder</c>.</param>
/// <param name="Layers">Of its transformer.</param>
/// <param name="Width">Of a token.</param>
/// <param name="Parameters">Numbers in its tensors, projection included.</param>
/// <param name="MemoryBytes">What they take while it is loaded, in float32.</param>
public sealed record TowerSummary(string Name, int Layers, int Width, long Parameters, long MemoryBytes);
