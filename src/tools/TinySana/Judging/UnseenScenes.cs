using Sana.StillLife;

namespace TinySana.Judging;

/// <summary>Scenes that no training draws.</summary>
internal static class UnseenScenes
{
    private const ulong Seed = 1UL << 62;

    /// <summary>New scenes of the training world.</summary>
    public static Scene[] Usual(int count) => [.. Enumerable.Range(0, count).Select(i => SceneGenerator.Draw(Seed + (ulong)i))];

    /// <summary>Scenes with a combination that training never shows.</summary>
    public static Scene[] HeldOutOnly(int count)
    {
        var random = new SceneRandom(Seed);
        return [.. Forever().Select(_ => SceneGenerator.Draw(random.Pick<Arrangement>(), random)).Where(HeldOut.Contains).Take(count)];
    }

    private static IEnumerable<int> Forever()
    {
        while (true)
            yield return 0;
    }
}
