using System.Diagnostics;
using System.Globalization;

namespace TinySana.Training;

/// <summary>The verb <c>all</c>: from seeds to the folders in <c>models</c>. Cut at any time, the same command goes on from the last checkpoints, and what is trained already is only written again.</summary>
internal static class Everything
{
    // In the order in which one needs the other. The steps of these are too small for two threads, so two of them are trained at a time.
    private static readonly string[][] SideBySide = [["text", "autoencoder", "latents"], ["captioners", "clip"]];

    // The transformer's steps are large enough for both cores.
    private static readonly string[] Afterwards = ["transformer 2", "check"];

    public static int Run(string[] arguments)
    {
        var lanes = SideBySide.Select(lane => Task.Run(() => Follow(lane)));
        var failure = Task.WhenAll(lanes).GetAwaiter().GetResult().FirstOrDefault(exit => exit is not 0);
        return failure is not 0 ? failure : Follow(Afterwards);
    }

    private static int Follow(string[] lane)
    {
        foreach (var part in lane)
        {
            var clock = Stopwatch.StartNew();
            if (TrainingProcess.Run(part.Split(' ')) is var exit and not 0)
                return exit;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{part}: {clock.Elapsed.TotalMinutes:0.0} minutes"));
        }

        return 0;
    }
}
