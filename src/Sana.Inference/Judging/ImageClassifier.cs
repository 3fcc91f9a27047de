using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Inference.Clip;
using Sana.Inference.Runtime;

namespace Sana.Inference.Judging;

/// <summary>The probability of one label, 0…1, by an image classifier whose graph <c>sana build</c> has made: softmax over its labels.</summary>
public sealed class ImageClassifier : IJudge
{
    private const string Type = "vit";
    private const string Logits = "logits";
    private const int MostShown = 10;

    private readonly ImageNetwork _network;
    private readonly int _label;

    private ImageClassifier(ImageNetwork network, IReadOnlyList<string> labels, int label)
    {
        (_network, _label, Labels) = (network, label, labels);
        (Name, Fingerprint) = (network.Metadata.Text("checkpoint"), network.Metadata.Text("fingerprint"));
        Scale = new JudgeScale($"probability of {labels[label]}", 0, 1);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public JudgeScale Scale { get; }

    /// <summary>Every label, in the order of the network's outputs.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Loads the graph of a checkpoint's folder; weights are mapped from its files.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="label">As config.json has it under <c>id2label</c>.</param>
    /// <param name="options">Device, threads, batch.</param>
    /// <exception cref="InferenceException">The graph is missing, of another kind or version, it has not this label once, the device is not there, an option is out of range.</exception>
    public static ImageClassifier Load(string checkpoint, string label, JudgeOptions options)
    {
        var network = ImageNetwork.Load(checkpoint, Type, options, Logits);
        try
        {
            var labels = LabelsOf(network.Metadata);
            var places = Enumerable.Range(0, labels.Length).Where(i => labels[i] == label).ToArray();
            return places is [var place]
                ? new ImageClassifier(network, labels, place)
                : throw new InferenceException($"The classifier {network.Metadata.Text("checkpoint")} has {(places.Length == 0 ? "no label" : "more than one label")} '{label}'; its labels are {Shown(labels)}.");
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return _network.Run(images.Images, outputs => Softmax(outputs[0])[_label], cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    internal static double[] Softmax(ReadOnlySpan<float> logits)
    {
        var most = double.NegativeInfinity;
        foreach (var logit in logits)
            most = Math.Max(most, logit);
        var (weights, sum) = (new double[logits.Length], 0.0);
        for (var i = 0; i < weights.Length; i++)
            sum += weights[i] = Math.Exp(logits[i] - most);
        return Array.ConvertAll(weights, weight => weight / sum);
    }

    private static string[] LabelsOf(GraphMetadata metadata)
    {
        var text = metadata.Text("id2label");
        try
        {
            return JsonSerializer.Deserialize(text, LabelsJson.Default.StringArray) is { Length: > 0 } labels ? labels : throw metadata.Unusable("id2label", text);
        }
        catch (JsonException)
        {
            throw metadata.Unusable("id2label", text);
        }
    }

    private static string Shown(string[] labels) => string.Join(", ", labels.Take(MostShown)) + (labels.Length > MostShown ? $" and {labels.Length - MostShown} more" : "");
}

[JsonSerializable(typeof(string[]))]
internal sealed partial class LabelsJson : JsonSerializerContext;

/// <summary>A network that reads images alone, and how they are prepared for it.</summary>
internal sealed class ImageNetwork : IDisposable
{
    private const string Pixels = "pixel_values";

    private readonly OnnxModel _model;
    private readonly ClipPreprocess _preprocess;
    private readonly JudgeOptions _options;
    private readonly string[] _outputs;

    private ImageNetwork(OnnxModel model, JudgeOptions options, string[] outputs) =>
        (_model, _preprocess, _options, _outputs) = (model, ClipPreprocess.From(model.Metadata), options, outputs);

    public GraphMetadata Metadata => _model.Metadata;

    /// <exception cref="InferenceException">The graph is missing, of another kind or version, the device is not there, an option is out of range.</exception>
    public static ImageNetwork Load(string checkpoint, string type, JudgeOptions options, params string[] outputs)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        options.Checked();
        var model = OnnxModel.Load(Path.Combine(checkpoint, "model.onnx"), new OnnxModelOptions(options.Device, options.Threads, KeepMemory: true), [Pixels, .. outputs]);
        try
        {
            return model.Metadata.Text("model_type") == type ? new ImageNetwork(model, options, outputs) : throw model.Metadata.Unusable("model_type", model.Metadata.Text("model_type"));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Runs all images in batches.</summary>
    /// <param name="images">Any sizes.</param>
    /// <param name="read">Takes the rows of one image in each of the outputs; of an output without a batch, all of it.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    /// <exception cref="InferenceException">An image has not as many bytes as its size implies.</exception>
    public T[] Run<T>(IReadOnlyList<Imaging.RgbImage> images, Func<float[][], T> read, CancellationToken cancellationToken)
    {
        foreach (var image in images)
            image.Check();
        var results = new List<T>(images.Count);
        foreach (var batch in images.Chunk(_options.BatchSize))
        {
            results.AddRange(_preprocess.Run(_model, batch, _options.Threads, _outputs, values =>
            {
                var outputs = values.Select(value => (Floats: value.GetTensorDataAsSpan<float>().ToArray(), IsBatched: value.GetTensorTypeAndShape().Shape.Length > 1)).ToArray();
                return Enumerable.Range(0, batch.Length).Select(i => read(Array.ConvertAll(outputs, output => output.IsBatched ? Row(output.Floats, i, batch.Length) : output.Floats))).ToArray();
            }, cancellationToken));
        }

        return [.. results];
    }

    public void Dispose() => _model.Dispose();

    private static float[] Row(float[] all, int row, int rows) => all.AsSpan(row * (all.Length / rows), all.Length / rows).ToArray();
}
