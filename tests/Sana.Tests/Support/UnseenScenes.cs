using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Rendering;

namespace Sana.Tests.Support;

/// <summary>Scenes that no training has drawn.</summary>
internal static class UnseenScenes
{
    private const ulong Seed = 5UL << 60;
    private const int Side = 128;

    public static Scene[] Draw(int count) => [.. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw(Seed + (ulong)i))];

    public static RgbImage[] Pictures(IEnumerable<Scene> scenes) => [.. scenes.Select(scene => new RgbImage(Side, Side, SceneRenderer.Render(scene, Side)))];
}
