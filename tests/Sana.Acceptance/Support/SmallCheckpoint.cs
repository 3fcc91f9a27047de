using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

[assembly: AssemblyFixture(typeof(SmallCheckpoint))]

namespace Sana.Acceptance.Support;

/// <summary>A writable copy of the plain fixture checkpoint, with its graphs built.</summary>
public sealed class SmallCheckpoint : IAsyncLifetime
{
    private readonly TempFolder _folder = new();

    /// <summary>The checkpoint's folder.</summary>
    public string Path => _folder.File("sana");

    /// <summary>Another copy, without graphs, to be damaged; or a copy of another fixture or of another folder.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="fixture">Which of the fixtures.</param>
    /// <param name="source">The folder of another checkpoint, in place of a fixture.</param>
    public static void CopyTo(string folder, string fixture = "sana", string? source = null)
    {
        source ??= System.IO.Path.Combine(Fixtures.Sana, "checkpoints", fixture);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var target = System.IO.Path.Combine(folder, System.IO.Path.GetRelativePath(source, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    /// <summary>Makes a copy's own size 128 pixels, for which there are no bins: an image of 64 pixels is then generated at 64 and not at 512.</summary>
    public static void MakeSmall(string folder)
    {
        var config = System.IO.Path.Combine(folder, "transformer", "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"sample_size\": 16", "\"sample_size\": 4", StringComparison.Ordinal));
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        CopyTo(Path);
        var built = await SanaProgram.Run("build", Path);
        Assert.True(built.ExitCode == 0, built.Error);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
