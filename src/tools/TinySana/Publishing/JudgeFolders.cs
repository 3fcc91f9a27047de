using System.Text.Json.Nodes;
using TinySana.Networks;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folder of an image classifier, as transformers' save_pretrained writes it.</summary>
internal static class ClassifierFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="classifier">Its weights are stored in float16.</param>
    /// <param name="labels">Of its outputs.</param>
    public static void Write(string folder, ClassifierModule classifier, IReadOnlyList<string> labels)
    {
        var config = VitFiles.Config(classifier.Sizes, "ViTForImageClassification");
        config["dtype"] = "float16";
        config["id2label"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create($"{i}", (JsonNode?)label)));
        config["label2id"] = new JsonObject(labels.Select((label, i) => KeyValuePair.Create(label, (JsonNode?)i)));
        JsonFile.Save(Path.Combine(folder, "config.json"), config);
        VitFiles.WritePreprocessor(folder, classifier.Sizes);
        CheckpointTensors.Save(Path.Combine(folder, Weights), classifier);
    }

    /// <summary>Reads a folder that <see cref="Write"/> has written.</summary>
    public static ClassifierModule Read(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var classifier = new ClassifierModule(VitFiles.ReadSizes(config), config["id2label"]!.AsObject().Count);
        CheckpointTensors.Load(Path.Combine(folder, Weights), classifier);
        return classifier;
    }
}

/// <summary>The folder of an aesthetic head: one file, whose header names the CLIP and the scale.</summary>
internal static class AestheticFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="head">Its weights are stored in float16.</param>
    /// <param name="clip">Name of the CLIP that it was trained on.</param>
    /// <param name="scale">What its scores are.</param>
    public static void Write(string folder, AestheticModule head, string clip, string scale) =>
        SafetensorsFile.Save(Path.Combine(folder, Weights), head.named_parameters().Select(one => (one.name, (TorchSharp.torch.Tensor)one.parameter)), half: true, ("clip", clip), ("scale", scale));

    /// <summary>Reads a folder that <see cref="Write"/> has written.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="width">Numbers of a vector of the CLIP.</param>
    public static AestheticModule Read(string folder, int width)
    {
        var head = new AestheticModule(width);
        CheckpointTensors.Load(Path.Combine(folder, Weights), head);
        return head;
    }
}
