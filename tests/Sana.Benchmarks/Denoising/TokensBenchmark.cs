using System.Globalization;
using Sana.Benchmarks.Measuring;

namespace Sana.Benchmarks.Denoising;

/// <summary>One step at four sizes of image, with linear attention and with softmax attention: the first grows with the tokens, the second with their square.</summary>
internal static class TokensBenchmark
{
    private const int Layers = 2;
    private const int TextTokens = 40;
    private const long MaxScoreBytes = 6L << 30;
    private static readonly int[] Tokens = [256, 1_024, 4_096, 16_384];

    public static void Run(int rounds)
    {
        using var group = new BlockGroup(Layers);
        var transformer = group.LoadTransformer();
        using var conditioning = transformer.Condition(group.Embeddings(1, TextTokens));
        var softmax = group.Load(SoftmaxBlocks.Build(group.Config, group.Weights));
        using var caption = BlockGroup.Random(1, TextTokens, group.Config.Width).ToOrtValue();

        var fit = Tokens.Where(tokens => SoftmaxBlocks.ScoreBytes(group.Config, tokens) <= MaxScoreBytes).ToArray();
        Action[] linear = [.. Tokens.Select(tokens => group.Latents(1, tokens)).Select(latents => (Action)(() => transformer.Evaluate(conditioning, latents, 500, 0)))];
        Action[] quadratic = [.. fit.Select(tokens => group.Latents(1, tokens)).Select(latents => (Action)(() =>
        {
            using var input = latents.ToOrtValue();
            BlockGroup.Run(softmax, ("hidden_states", input), ("caption", caption));
        }))];
        var race = Race.Run(rounds, [.. linear, .. quadratic]);

        Markdown.Text($"{Layers} blocks of Sana-0.6B, one image, {TextTokens} text tokens. Time of one token, relative to the same network at {Tokens[0]} tokens.");
        Markdown.Table(
            ["tokens", "image", "linear attention", "ms", "softmax attention", "ms"],
            Tokens.Select((tokens, i) => (string[])
            [
                tokens.ToString("N0", CultureInfo.InvariantCulture),
                $"{32 * (int)Math.Sqrt(tokens)} px",
                .. Cells(race, i, 0, tokens),
                .. i < fit.Length ? Cells(race, Tokens.Length + i, Tokens.Length, tokens) : [$"skipped: {SoftmaxBlocks.ScoreBytes(group.Config, tokens) >> 30} GB of scores", ""],
            ]));
    }

    private static string[] Cells(Race race, int entrant, int first, int tokens) =>
        [$"{race.Ratio(entrant, first, (double)tokens / Tokens[0])}", (1000 * race.Seconds(entrant)).ToString("N0", CultureInfo.InvariantCulture)];
}
