using System.Globalization;
using TinySana.Torch;
using TinySana.Training;

namespace TinySana.Commands;

/// <summary>
/// The commands that train Sana's networks. Arguments: number of threads, 1 by default;
/// <c>--as-is</c> does not train but writes the last checkpoint of the transformer.
/// The folders <c>models</c> and <c>artifacts</c> are those of the current directory.
/// </summary>
internal static class SanaCommands
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
        Transformer().PrepareLatents();
        return 0;
    }

    public static int Transformer(string[] arguments)
    {
        Prepare(arguments);
        Transformer().Run(train: !arguments.Contains(AsIs));
        return 0;
    }

    public static int Lora(string[] arguments)
    {
        Prepare(arguments);
        var checkpoint = Path.Combine(Models, "tiny-sana");
        new LoraTraining(checkpoint, Artifacts, FrozenAutoencoder.Load(checkpoint)).Run(Path.Combine(Models, "tiny-sana-delft"));
        return 0;
    }

    private static TransformerTraining Transformer()
    {
        var checkpoint = Path.Combine(Models, "tiny-sana");
        return new(checkpoint, Artifacts, FrozenAutoencoder.Load(checkpoint));
    }

    private static void Prepare(string[] arguments)
    {
        var threads = arguments.FirstOrDefault(argument => argument != AsIs, "1");
        NativeTorch.Prepare(int.Parse(threads, CultureInfo.InvariantCulture));
    }
}
