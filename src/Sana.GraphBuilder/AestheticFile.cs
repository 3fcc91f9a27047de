using System.Security.Cryptography;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// The layers that give a vector of CLIP an aesthetic score, in the layouts of LAION: <c>sac+logos+ava1-l14-linearMSE</c> (five linear layers with nothing between them), its sibling
/// <c>reluMSE</c>, and the first version's one layer. One .safetensors file.
/// </summary>
public sealed class AestheticFile
{
    private const int MostWidth = 8_192;
    private const long MostBytes = 256L << 20;
    private static readonly string[] _linear = ["layers.0", "layers.2", "layers.4", "layers.6", "layers.7"];
    private static readonly string[] _relu = ["layers.0", "layers.3", "layers.6", "layers.9", "layers.11"];

    private const int LongestText = 100;

    private AestheticFile(string path, string sha256, string form, IReadOnlyList<AestheticLayer> layers) => (Path, Sha256, Form, Layers) = (path, sha256, form, layers);

    /// <value>Full path.</value>
    public string Path { get; }

    /// <value>SHA-256 of the whole file, lower-case hex.</value>
    public string Sha256 { get; }

    /// <value><c>linearMSE</c>, <c>reluMSE</c> or <c>linear</c>, which is the first version's.</value>
    public string Form { get; }

    /// <value>In forward order; the last one gives one number.</value>
    public IReadOnlyList<AestheticLayer> Layers { get; }

    /// <value>Name of the CLIP that they were trained on, <c>clip</c> of the file's <c>__metadata__</c>, 1…100 characters; null where the file does not name one, as those of LAION.</value>
    public string? Clip { get; private init; }

    /// <value>What the scores are, in words with their range, <c>scale</c> of the file's <c>__metadata__</c>, 1…100 characters; null where the file does not say so, as those of LAION.</value>
    public string? Scale { get; private init; }

    /// <summary>Reads a file, or the one in a folder.</summary>
    /// <param name="place">A .safetensors file, or a folder that holds <c>model.safetensors</c> or one other.</param>
    /// <exception cref="CheckpointException">There is none, or it is damaged or of another layout.</exception>
    public static AestheticFile Open(string place)
    {
        ArgumentNullException.ThrowIfNull(place);
        var path = System.IO.Path.GetFullPath(place);
        if (Directory.Exists(path))
        {
            string[] names = [.. Directory.EnumerateFiles(path).Select(file => System.IO.Path.GetFileName(file))];
            path = System.IO.Path.Combine(path, Choose(place, names)[0]);
        }

        // The bytes that are hashed and those that are read are the same unless somebody writes into the file in between.
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(RegularFile.ReadAll(path, MostBytes)));
        var weights = SafetensorsWeights.OpenFile(path);
        var (form, modules, hasRelu) = weights.TryGet("weight", out _) ? ("linear", [""], false)
            : weights.TryGet("layers.11.weight", out _) ? ("reluMSE", _relu, true)
            : ("linearMSE", _linear, false);
        List<AestheticLayer> layers = [];
        foreach (var name in modules)
            layers.Add(Layer(weights, name, layers.Count > 0 ? layers[^1].To : null, isLast: layers.Count == modules.Length - 1, hasRelu));
        if (weights.Count != 2 * layers.Count)
            throw Other(path, $"it has {weights.Count} tensors where the form {form} has {2 * layers.Count}");
        return new AestheticFile(path, sha256, form, layers) { Clip = Text(weights, "clip"), Scale = Text(weights, "scale") };
    }

    private static string? Text(SafetensorsWeights weights, string name)
    {
        if (!weights.Files[0].Metadata.TryGetValue(name, out var text))
            return null;
        return text.Length is >= 1 and <= LongestText && !text.Any(char.IsControl)
            ? text
            : throw new CheckpointException($"{weights.Source} has {Quoted.Text(text)} for '{name}' of its __metadata__; write 1 to {LongestText} characters on one line, or take it out.");
    }

    /// <summary>Which file of a folder or repository it is.</summary>
    /// <param name="place">Of the folder or repository, for messages.</param>
    /// <param name="names">Of all its files.</param>
    /// <exception cref="CheckpointException">None can be told.</exception>
    public static IReadOnlyList<string> Choose(string place, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        string[] files = [.. names.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal) && !name.Contains('/', StringComparison.Ordinal))];
        return files.Contains("model.safetensors") ? ["model.safetensors"] : files is [var only] ? [only]
            : throw new CheckpointException($"{place} has no model.safetensors and not just one other .safetensors file; give the file of the aesthetic head itself. Files of PyTorch (.pth, .bin) are not read.");
    }

    private static AestheticLayer Layer(SafetensorsWeights weights, string name, int? width, bool isLast, bool hasRelu)
    {
        var (weightName, biasName) = name.Length == 0 ? ("weight", "bias") : ($"{name}.weight", $"{name}.bias");
        if (!weights.TryGet(weightName, out var weight) || !weights.TryGet(biasName, out var bias))
            throw Other(weights.Source, $"it lacks {weightName} or {biasName}");
        if (!weight.Type.IsWeight() || !bias.Type.IsWeight())
            throw Other(weights.Source, $"{weightName} is of type {weight.Type} and {biasName} of {bias.Type}, where F32, F16 and BF16 are read");
        var isRight = weight.Shape is [>= 1 and <= MostWidth, >= 1 and <= MostWidth] && bias.Shape is [var to] && to == weight.Shape[0]
            && (width is null || weight.Shape[1] == width) && (!isLast || to == 1);
        if (!isRight)
        {
            throw Other(weights.Source, $"{weightName} has shape {Quoted.Shape(weight.Shape)} and {biasName} {Quoted.Shape(bias.Shape)}, where [{(isLast ? "1" : $"1…{MostWidth}")}, {(width is { } from ? $"{from}" : $"1…{MostWidth}")}] "
                + "and as many biases as rows are read");
        }

        return new AestheticLayer((int)weight.Shape[1], (int)weight.Shape[0], TensorNumbers.Read(weight), TensorNumbers.Read(bias), hasRelu && !isLast);
    }

    private static CheckpointException Other(string path, string why) => new(
        $"{path} is no aesthetic head that is known here: {why}. Known are LAION's layers.0, .2, .4, .6, .7 (linearMSE), layers.0, .3, .6, .9, .11 (reluMSE), and weight with bias; fetch one of these.");
}

/// <summary>One linear layer.</summary>
/// <param name="From">Width that it takes.</param>
/// <param name="To">Width that it gives.</param>
/// <param name="Weight">[to, from].</param>
/// <param name="Bias">[to].</param>
/// <param name="HasRelu">Whether what is below 0 becomes 0 after it.</param>
public sealed record AestheticLayer(int From, int To, float[] Weight, float[] Bias, bool HasRelu);
