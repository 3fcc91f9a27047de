using Sana.GraphBuilder;
using Sana.Inference.Clip;

namespace Sana.Tests.Support;

/// <summary>A copy of the CLIP fixture's checkpoint that a test may change, with its graphs beside the weights.</summary>
internal sealed class BuiltClip : IDisposable
{
    private readonly TempFolder _folder = new();

    public BuiltClip(string name = "clip-vit-base-patch8")
    {
        Folder = Directory.CreateDirectory(_folder.File(name)).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Fixtures.Clip, "checkpoint")).Where(IsPublished))
        {
            File.Copy(file, PathOf(Path.GetFileName(file)));
        }
    }

    public string Folder { get; }

    public string PathOf(string file) => Path.Combine(Folder, file);

    public BuildReport Build(BuildOptions? options = null) => ClipCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Builds what is not built, and loads it.</summary>
    public ClipScorer Scorer(ClipScorerOptions? options = null)
    {
        Build();
        return ClipScorer.Load(Folder, options ?? new ClipScorerOptions { Threads = 1 });
    }

    public void Dispose() => _folder.Dispose();

    // Somebody may have run the program on the fixture itself.
    private static bool IsPublished(string file) => Path.GetExtension(file) != ".onnx" && Path.GetFileName(file) != "sana.build.json";
}
