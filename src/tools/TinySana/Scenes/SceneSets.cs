using Sana.StillLife;

namespace TinySana.Scenes;

/// <summary>Scenes that no training draws.</summary>
internal static class UnseenScenes
{
    private const ulong Seed = 1UL << 62;

    /// <summary>New scenes without held-out combinations.</summary>
    public static Scene[] Usual(int count) => [.. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw(Seed + (ulong)i))];

    /// <summary>Scenes with a held-out combination.</summary>
    public static Scene[] HeldOutOnly(int count)
    {
        var (random, scenes) = (new SceneRandom(Seed), new List<Scene>());
        while (scenes.Count < count)
        {
            if (SceneGenerator.Draw(random.Pick<Arrangement>(), random) is var scene && HeldOut.Contains(scene))
                scenes.Add(scene);
        }

        return [.. scenes];
    }

    /// <summary>Scenes with a card.</summary>
    public static Scene[] Signs(int count, bool isHeldOut)
    {
        var (random, scenes) = (new SceneRandom(Seed + 1), new List<Scene>());
        while (scenes.Count < count)
        {
            if (SceneGenerator.Draw(Arrangement.Sign, random) is var scene && HeldOut.Contains(scene) == isHeldOut)
                scenes.Add(scene);
        }

        return [.. scenes];
    }
}

/// <summary>The scenes of training steps.</summary>
internal static class TrainingScenes
{
    /// <summary>The scenes of a step. They depend on the seed and the step only.</summary>
    public static Scene[] Draw(ulong seed, int step, int count) =>
        [.. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw((seed << 40) + ((ulong)step * (ulong)count) + (ulong)i))];
}
