using System.Runtime.InteropServices;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Safetensors;

namespace Sana.Tests.Support;

/// <summary>A copy of a fixture's checkpoint that a test may change, with its graphs beside the weights.</summary>
internal sealed class BuiltCheckpoint : IDisposable
{
    private readonly TempFolder _folder = new();

    private BuiltCheckpoint(string name) => Folder = _folder.File(name);

    public string Folder { get; }

    public static IEnumerable<string> Names =>
        Directory.GetDirectories(Path.Combine(Fixtures.Sana, "checkpoints")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal);

    /// <summary>A checkpoint that is not Sprint, its weights in plain float32 files: what most tests need.</summary>
    public static string Plain { get; } = Names.First(name =>
        !File.ReadAllText(Path.Combine(Fixtures.Sana, "checkpoints", name, "scheduler", "scheduler_config.json")).Contains("SCMScheduler", StringComparison.Ordinal)
        && File.Exists(Path.Combine(Fixtures.Sana, "checkpoints", name, "transformer", "diffusion_pytorch_model.safetensors")));

    public static BuiltCheckpoint Copy(string name)
    {
        var checkpoint = new BuiltCheckpoint(name);
        var source = Path.Combine(Fixtures.Sana, "checkpoints", name);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Where(IsPublished))
        {
            var copy = Path.Combine(checkpoint.Folder, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return checkpoint;
    }

    // Somebody may have run the program on the fixture itself.
    private static bool IsPublished(string file) => Path.GetExtension(file) != ".onnx" && Path.GetFileName(file) != "sana.build.json";

    public string PathOf(string file) => Path.Combine([Folder, .. file.Split('/')]);

    public BuildReport Build(BuildOptions? options = null) => SanaCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Changes every number of a float32 tensor in its file.</summary>
    public void Change(string file, string tensor, Func<float, float> change)
    {
        var entry = SafetensorsWeights.OpenFile(PathOf(file))[tensor];
        using var stream = File.Open(entry.File, FileMode.Open);
        var numbers = new float[entry.Length / sizeof(float)];
        stream.Position = entry.Offset;
        stream.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan()));
        stream.Position = entry.Offset;
        stream.Write(MemoryMarshal.AsBytes(Array.ConvertAll(numbers, number => change(number)).AsSpan()));
    }

    public void Dispose() => _folder.Dispose();
}
