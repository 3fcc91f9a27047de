using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;

namespace TinySana.Training;

/// <summary>How often pictures show what their prompts say, on scenes like those of the training but not among them.</summary>
internal static class PromptFollowing
{
    /// <summary>Prompts that say where things stand, and their scenes.</summary>
    public static (string Prompt, Scene Scene)[] Prompts(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw(ScenePictures.Unseen + (ulong)i)).Select(scene => (CaptionGrammar.Describe(scene, Richness.Placed), scene)),
    ];

    /// <summary>Share of pictures with exactly the objects of their scenes, by shape and colour.</summary>
    /// <param name="pictures">One for each scene, side × side × 3 bytes.</param>
    /// <param name="scenes">What they should show.</param>
    /// <param name="side">Pixels.</param>
    public static double Share(IEnumerable<byte[]> pictures, IEnumerable<Scene> scenes, int side) =>
        pictures.Zip(scenes, (picture, scene) => Kinds(SceneAnalyser.Read(picture, side)).SequenceEqual(Kinds(scene)) ? 1.0 : 0.0).Average();

    private static IEnumerable<(Shape Shape, Colour Colour)> Kinds(SeenScene seen) => seen.Objects.Select(one => (one.Shape, one.Colour)).Order();

    private static IEnumerable<(Shape Shape, Colour Colour)> Kinds(Scene scene) => scene.Objects.Select(one => (one.Shape, one.Colour)).Order();
}
