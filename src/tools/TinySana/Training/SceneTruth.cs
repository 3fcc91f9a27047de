using Sana.StillLife;
using Sana.StillLife.Captions;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>What the generator knows of scenes, as classes: what a tower is asked for while it learns.</summary>
/// <param name="Patches">For every patch: shape, colour and size of the object that covers it, int64 [b, n, 3]; the last class of each is none.</param>
/// <param name="Whole">For every scene, in the order of <see cref="Classes"/>, int64 [b, 17]; −100 where nothing is asked.</param>
internal sealed record SceneTruth(Tensor Patches, Tensor Whole)
{
    /// <summary>How many classes each question about a patch has.</summary>
    public static IReadOnlyList<int> PatchClasses { get; } = [9, 11, 4];

    /// <summary>
    /// How many classes each question about the whole has: arrangement, count, tone, texture, place, then shape, colour and size of up to four objects in reading order.
    /// </summary>
    public static IReadOnlyList<int> Classes { get; } = [6, 4, 5, 5, 9, 8, 10, 3, 8, 10, 3, 8, 10, 3, 8, 10, 3];

    private const int Ignored = -100; // of torch's cross entropy

    public static SceneTruth Of(IReadOnlyList<Scene> scenes, int cells)
    {
        var patches = new long[scenes.Count * cells * cells * 3];
        var whole = new long[scenes.Count * Classes.Count];
        for (var i = 0; i < scenes.Count; i++)
        {
            Cover(scenes[i], cells, patches.AsSpan(i * cells * cells * 3));
            Answer(scenes[i], whole.AsSpan(i * Classes.Count, Classes.Count));
        }

        return new SceneTruth(tensor(patches).reshape(scenes.Count, cells * cells, 3), tensor(whole).reshape(scenes.Count, Classes.Count));
    }

    /// <summary>What a caption in the usual words says of a scene, in the order of <see cref="Classes"/>; −100 for what it leaves open.</summary>
    public static long[] Said(Scene scene, Richness richness)
    {
        var said = new long[Classes.Count];
        Answer(scene, said);
        // Shapes and their number always; colours from keywords on; arrangement and place where it is told how they stand; size and background in the richest alone.
        for (var i = 0; i < said.Length; i++)
        {
            var from = i switch
            {
                1 => Richness.Bare,
                0 or 4 => Richness.Placed,
                2 or 3 => Richness.Rich,
                _ => (i % 3) switch { 2 => Richness.Bare, 0 => Richness.Terse, _ => Richness.Rich },
            };
            said[i] = richness < from ? Ignored : said[i];
        }

        return said;
    }

    private static void Cover(Scene scene, int cells, Span<long> patches)
    {
        for (var cell = 0; cell < cells * cells; cell++)
        {
            var (x, y) = (((cell % cells) + 0.5) / cells, ((cell / cells) + 0.5) / cells);
            var one = scene.Objects.MinBy(one => Distance(one, x, y))!;
            long[] answers = Distance(one, x, y) < one.Radius + (0.25 / cells) ? [(long)one.Shape, (long)one.Colour, (long)one.Size] : [8, 10, 3];
            answers.CopyTo(patches[(3 * cell)..]);
        }
    }

    private static double Distance(SceneObject one, double x, double y) => Math.Max(Math.Abs(one.X - x), Math.Abs(one.Y - y));

    private static void Answer(Scene scene, Span<long> whole)
    {
        whole.Fill(Ignored);
        (whole[0], whole[1]) = ((long)scene.Arrangement, scene.Objects.Count - 1);
        (whole[2], whole[3]) = ((long)scene.Background.Tone, (long)scene.Background.Texture);
        if (scene.Arrangement == Arrangement.Alone)
            whole[4] = (long)scene.Objects[0].Place;
        // Members of a group are alike: one of them says all.
        var asked = scene.Arrangement == Arrangement.Group ? 1 : scene.Objects.Count;
        for (var i = 0; i < asked; i++)
        {
            var one = scene.Objects[i];
            (whole[5 + (3 * i)], whole[6 + (3 * i)], whole[7 + (3 * i)]) = ((long)one.Shape, (long)one.Colour, (long)one.Size);
        }
    }
}
