using System.Globalization;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>
/// The verbs that train Sana's own networks: [threads], 1 by default; <c>--as-is</c> writes the last checkpoint of a transformer that is still learning. Models and artifacts are looked for where the
/// command is run.
/// </summary>
internal static class Recipes
{
    private const string Models = "models", AsIs = "--as-is";
    private static readonly string Artifacts = Path.Combine("artifacts", "training");

    public static int Text(string[] arguments)
    {
        Prepare(arguments);
        TextEncoderTraining.Run(Models, Artifacts);
        return 0;
    }

    public static int Latents(string[] arguments)
    {
        Prepare(arguments);
        Transformer().Prepare();
        return 0;
    }

    public static int Transformer(string[] arguments)
    {
        Prepare(arguments);
        Transformer().Run(train: !arguments.Contains(AsIs));
        return 0;
    }

    private static TransformerTraining Transformer()
    {
        var checkpoint = Path.Combine(Models, "tiny-sana");
        return new(checkpoint, Artifacts, LatentCode.Load(checkpoint));
    }

    private static void Prepare(string[] arguments)
    {
        var threads = arguments.FirstOrDefault(argument => argument != AsIs, "1");
        NativeTorch.Prepare(int.Parse(threads, CultureInfo.InvariantCulture));
    }
}
