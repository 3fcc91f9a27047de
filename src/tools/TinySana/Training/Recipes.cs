using System.Globalization;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verbs that train Sana's own networks: [threads], 1 by default; models and artifacts are looked for where the command is run.</summary>
internal static class Recipes
{
    private const string Models = "models";
    private static readonly string Artifacts = Path.Combine("artifacts", "training");

    public static int Text(string[] arguments)
    {
        Prepare(arguments);
        TextEncoderTraining.Run(Models, Artifacts);
        return 0;
    }

    public static int Transformer(string[] arguments)
    {
        Prepare(arguments);
        var checkpoint = Path.Combine(Models, "tiny-sana");
        new TransformerTraining(checkpoint, Artifacts, LatentCode.Load(checkpoint)).Run();
        return 0;
    }

    private static void Prepare(string[] arguments) => NativeTorch.Prepare(arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 1);
}
