using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Captions;
using Sana.StillLife.Rendering;

namespace Sana.Local.Demo;

/// <summary>A folder of still lifes with the captions that careless people left: what a curation gets to work on. Every other scene shows a combination that no model was trained on.</summary>
internal static class SampleDataset
{
    private const int Side = 128;

    /// <summary>Seeds from here on are the demo's.</summary>
    private const ulong FirstSeed = 9_000_000_000;

    /// <summary>Writes the images, one of them twice and one of them cut off, as real folders have them.</summary>
    /// <returns>The truth of each file name.</returns>
    public static IReadOnlyDictionary<string, Scene> Write(string folder, int images)
    {
        Directory.CreateDirectory(folder);
        var scenes = new SortedDictionary<string, Scene>(StringComparer.Ordinal);
        var next = FirstSeed;
        for (var i = 0; i < images; i++)
        {
            var (seed, scene) = Drawn(ref next, isHeldOut: i % 2 == 1);
            var name = $"{i:0000}";
            var picture = ImageCodec.Encode(new RgbImage(Side, Side, SceneRenderer.Render(scene, Side)), ImageFormat.Png);
            File.WriteAllBytes(Path.Combine(folder, $"{name}.png"), picture);
            if (CaptionNoise.Write(scene, new SceneRandom(seed)) is { } caption)
                File.WriteAllText(Path.Combine(folder, $"{name}.txt"), caption);
            scenes.Add($"{name}.png", scene);
            if (i == 0)
            {
                File.WriteAllBytes(Path.Combine(folder, "copy-of-0000.png"), picture);
                File.WriteAllBytes(Path.Combine(folder, "cut-off.png"), picture.AsSpan(0, picture.Length / 2));
            }
        }

        return scenes;
    }

    private static (ulong Seed, Scene Scene) Drawn(ref ulong next, bool isHeldOut)
    {
        while (true)
        {
            var seed = next++;
            if (SceneGenerator.DrawAny(seed) is var scene && HeldOut.Contains(scene) == isHeldOut)
                return (seed, scene);
        }
    }
}

/// <summary>The small models that ship with the program, in its folder <c>models</c>.</summary>
/// <param name="Folder">Where they are.</param>
internal sealed record ShippedModels(string Folder)
{
    public string Sana => Path.Combine(Folder, "tiny-sana");

    /// <summary>An adapter of <see cref="Sana"/>.</summary>
    public string Delft => Path.Combine(Folder, "tiny-sana-delft");

    public string Clip => Path.Combine(Folder, "tiny-clip");

    /// <summary>A classifier of lettering.</summary>
    public string Lettering => Path.Combine(Folder, "tiny-lettering");

    /// <summary>An aesthetic head on the vectors of <see cref="Clip"/>.</summary>
    public string Tidiness => Path.Combine(Folder, "tiny-tidiness");

    /// <summary>The captioners by the label that their captions get.</summary>
    public IReadOnlyList<(string Label, string Checkpoint)> Captioners =>
    [
        ("rich", Path.Combine(Folder, "tiny-captioner-rich")),
        ("terse", Path.Combine(Folder, "tiny-captioner-terse")),
    ];

    /// <param name="folder">Null for the folder beside the program.</param>
    /// <exception cref="SanaException">One of them is missing.</exception>
    public static ShippedModels Find(string? folder)
    {
        var models = new ShippedModels(Path.GetFullPath(folder ?? Path.Combine(AppContext.BaseDirectory, "models")));
        string[] all = [models.Sana, models.Delft, models.Clip, models.Lettering, models.Tidiness, .. models.Captioners.Select(one => one.Checkpoint)];
        return all.FirstOrDefault(one => !Directory.Exists(one)) is { } missing
            ? throw new SanaException($"There is no folder '{missing}'; give --models the folder that holds tiny-sana, tiny-sana-delft, tiny-clip, tiny-lettering, tiny-tidiness and the two captioners.")
            : models;
    }
}
