using System.Globalization;
using TinySana.Torch;

namespace TinySana.Checking;

/// <summary>The verb <c>check</c>: what was trained here is what is imported there.</summary>
internal static class CheckVerb
{
    private const double Tolerance = 1e-4;

    // A published folder below the models' root, and the largest relative difference between each of its networks here and on ONNX Runtime.
    private static readonly (string Folder, Func<string, IEnumerable<(string Network, double Difference)>> Compare)[] Folders =
    [
        ("tiny-sana/text_encoder", TextEncoderCheck.Compare),
        ("tiny-sana/transformer", TransformerCheck.Compare),
        ("tiny-sana/vae", VaeCheck.Compare),
        ("tiny-clip", ClipCheck.Compare),
        ("tiny-captioner-rich", CaptionerCheck.Compare),
        ("tiny-captioner-terse", CaptionerCheck.Compare),
    ];

    /// <param name="arguments">The models' root; <c>models</c> if it is left out.</param>
    /// <returns>1 if one of the networks differs by more than 1e-4, or is not there.</returns>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var wrong = false;
        foreach (var (folder, compare) in Folders)
        {
            var path = Path.Combine(arguments.FirstOrDefault("models"), folder);
            if (!Directory.Exists(path))
            {
                wrong = true;
                Console.WriteLine($"{folder,-24} is not there");
                continue;
            }

            foreach (var (network, difference) in compare(path))
            {
                wrong |= !(difference <= Tolerance);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder,-24} {network,-16} {difference:e2}{(difference <= Tolerance ? "" : "  differs")}"));
            }
        }

        return wrong ? 1 : 0;
    }
}
