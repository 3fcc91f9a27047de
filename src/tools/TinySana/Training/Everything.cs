using System.Diagnostics;
using System.Globalization;
using TinySana.Checking;

namespace TinySana.Training;

/// <summary>The verb <c>all</c>: from seeds to the folders in <c>models</c>. Cut at any time, the same command goes on from the last checkpoints, and what is trained already is only written again.</summary>
internal static class Everything
{
    // In the order in which one needs the other. Small steps are faster on one thread; the transformer's are large enough for two.
    private static readonly (string Name, Func<int> Train)[] Parts =
    [
        ("text encoder", () => Recipes.Text([])),
        ("autoencoder", () => AutoencoderVerb.Run([])),
        ("captioners", () => Captioners.Run([])),
        ("CLIP", () => ClipVerb.Run([])),
        ("transformer", () => Recipes.Transformer(["2"])),
        ("check", () => CheckVerb.Run([])),
    ];

    public static int Run(string[] arguments)
    {
        foreach (var (name, train) in Parts)
        {
            var clock = Stopwatch.StartNew();
            if (train() is var exit and not 0)
                return exit;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {clock.Elapsed.TotalMinutes:0.0} minutes"));
        }

        return 0;
    }
}
