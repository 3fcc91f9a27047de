using System.Text.Json;
using Sana.GraphBuilder;
using Sana.Inference.Judging;

namespace Sana.Tests.Support;

/// <summary>What the reference gives for the judges' fixtures and the photographs.</summary>
internal static class JudgeReference
{
    /// <summary>Of the largest absolute value of a tensor.</summary>
    public const double Tolerance = 5e-5;

    public static JsonElement Json { get; } = JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Judges, "expected.json")));

    public static SafetensorsReader Tensors { get; } = SafetensorsReader.Open(Path.Combine(Fixtures.Judges, "expected.safetensors"));

    /// <summary>Names of the photographs, in the order of the expected numbers.</summary>
    public static string[] Images { get; } = [.. Json.GetProperty("safety").GetProperty("images").EnumerateArray().Select(name => name.GetString()!)];

    public static string[] Labels { get; } = [.. Json.GetProperty("classifier").GetProperty("labels").EnumerateArray().Select(name => name.GetString()!)];

    public static IEnumerable<string> Pngs => Images.Where(image => !IsJpeg(image));

    public static IEnumerable<string> Jpegs => Images.Where(IsJpeg);

    public static double[] Probabilities(string image) =>
        [.. Json.GetProperty("classifier").GetProperty("images").GetProperty(image).GetProperty("probabilities").EnumerateArray().Select(one => one.GetDouble())];

    public static string Head(string form) => Path.Combine(Fixtures.Judges, "aesthetic", $"{form}.safetensors");

    public static HeadLayer[] Layers(string form) =>
        [.. AestheticFile.Open(Head(form)).Layers.Select(layer => new HeadLayer(layer.From, layer.To, layer.Weight, layer.Bias, layer.HasRelu))];

    private static bool IsJpeg(string image) => Path.GetExtension(image) is ".jpg" or ".jpeg";
}

/// <summary>A copy of a judge's checkpoint, with its graph beside the weights.</summary>
internal sealed class BuiltJudge(string kind) : CheckpointCopy(Path.Combine(Fixtures.Judges, kind), $"small-{kind}")
{
    public static BuiltJudge Classifier() => new("classifier");

    public static BuiltJudge SafetyChecker() => new("safety-checker");

    public BuildReport Build(BuildOptions? options = null) => JudgeCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Builds what is not built, and loads it.</summary>
    public ImageClassifier Load(string label, JudgeOptions? options = null)
    {
        Build();
        return ImageClassifier.Load(Folder, label, options ?? new JudgeOptions { Threads = 1 });
    }

    /// <summary>Builds what is not built, and loads it.</summary>
    public SafetyChecker LoadChecker(JudgeOptions? options = null)
    {
        Build();
        return Inference.Judging.SafetyChecker.Load(Folder, options ?? new JudgeOptions { Threads = 1 });
    }
}
