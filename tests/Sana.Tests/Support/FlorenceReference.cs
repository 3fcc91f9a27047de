using System.Text.Json;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;

namespace Sana.Tests.Support;

/// <summary>What the reference gives for the Florence-2 fixture's pictures and tasks.</summary>
internal static class FlorenceReference
{
    /// <summary>Of the largest absolute value of a tensor.</summary>
    public const double Tolerance = 5e-5;

    /// <summary>New tokens of the reference's captions, the forced ones included.</summary>
    public const int MaxTokens = 24;

    private static readonly JsonElement _json = JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Florence, "expected.json")));

    public static string Checkpoint { get; } = Path.Combine(Fixtures.Florence, "checkpoint");

    public static SafetensorsReader Tensors { get; } = SafetensorsReader.Open(Path.Combine(Fixtures.Florence, "expected.safetensors"));

    /// <summary>Texts with their ids, without special tokens.</summary>
    public static IEnumerable<(string Text, int[] Ids)> Tokens => _json.GetProperty("tokens").EnumerateObject().Select(text => (text.Name, Ids(text.Value)));

    public static int ImageTokens => _json.GetProperty("image_tokens").GetInt32();

    /// <summary>Every task with every picture.</summary>
    public static IEnumerable<(string Task, string Picture)> Captions =>
        _json.GetProperty("tasks").EnumerateObject().SelectMany(task => task.Value.EnumerateObject().Select(picture => (task.Name, picture.Name)));

    public static string[] Pictures { get; } = [.. Captions.Select(caption => caption.Picture).Distinct()];

    public static bool IsJpeg(string picture) => Path.GetExtension(picture) is ".jpg" or ".jpeg";

    /// <summary>The project's word for a task of the reference.</summary>
    public static string Word(string task) => task.Trim('<', '>').ToLowerInvariant();

    /// <summary>What the encoder reads after the image: start token, sentence, end token.</summary>
    public static long[] Question(string task, string picture) => [.. Ids(Of(task, picture, "input_ids")).Skip(ImageTokens).Select(id => (long)id)];

    /// <summary>Ids of a caption, the start token first.</summary>
    /// <param name="task">As the reference names it.</param>
    /// <param name="picture">Name of the file.</param>
    /// <param name="how"><c>greedy</c>, <c>greedy_no_repeat</c> or <c>beam3</c>.</param>
    public static int[] Expected(string task, string picture, string how) => Ids(Of(task, picture, how));

    public static string Text(string task, string picture) => Of(task, picture, "beam3_text").GetString()!;

    /// <summary>How the reference made captions of this kind.</summary>
    public static GenerationOptions Options(string task, string how) => new()
    {
        Task = Word(task),
        MaxTokens = MaxTokens,
        Beams = how == "beam3" ? 3 : 1,
        NoRepeatNgramSize = how == "greedy" ? 0 : 3,
    };

    private static JsonElement Of(string task, string picture, string what) => _json.GetProperty("tasks").GetProperty(task).GetProperty(picture).GetProperty(what);

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}

/// <summary>A copy of the Florence-2 fixture's checkpoint, with its graphs beside the weights.</summary>
internal sealed class BuiltFlorence(string name = "Florence-2-small") : CheckpointCopy(FlorenceReference.Checkpoint, name)
{
    public BuildReport Build(BuildOptions? options = null) => CaptionerCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Builds what is not built, and loads it.</summary>
    public CaptionNetwork Network(int batchSize = 16)
    {
        Build();
        return CaptionNetwork.Load(Folder, new CaptionNetworkOptions { Threads = 1, BatchSize = batchSize });
    }
}
