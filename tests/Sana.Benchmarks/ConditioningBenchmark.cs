using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Models;

namespace Sana.Benchmarks;

/// <summary>
/// Compares a step that is given the text's keys and values with one that computes them from the embeddings, as the published network does.
/// The reference pads every prompt to 300 tokens; a short prompt has about 12.
/// </summary>
internal static class ConditioningBenchmark
{
    private const int Layers = 4;
    private const int Samples = 2;
    private static readonly (int Tokens, int TextTokens)[] Cases = [(256, 12), (256, 300), (1_024, 12), (1_024, 300)];

    public static void Run(int rounds)
    {
        using var group = new BlockGroup(Layers);
        var transformer = group.LoadTransformer();
        var whole = group.Load(SanaGraphs.Transformer(group.Config, group.Weights, clamp: false));

        Markdown.Text(
            $"{Layers} blocks of Sana-0.6B, {Samples} samples. Time of the published network in one piece, relative to a step with the text's keys and values given; "
            + "and the time to compute them once for a prompt, in steps.");
        Markdown.Table(
            ["tokens", "text tokens", "one piece / step", "conditioning / step", "step, ms"],
            Cases.Select(size =>
            {
                var latents = group.Latents(Samples, size.Tokens);
                var embeddings = group.Embeddings(Samples, size.TextTokens);
                using var conditioning = transformer.Condition(embeddings);
                using var input = latents.ToOrtValue();
                using var text = BlockGroup.Random(Samples, size.TextTokens, group.Config.CaptionChannels).ToOrtValue();
                using var time = OrtValue.CreateTensorValueFromMemory(new float[] { 500, 500 }, [Samples]);
                var race = Race.Run(rounds,
                [
                    () => transformer.Evaluate(conditioning, latents, 500, 0),
                    () => BlockGroup.Run(
                        whole, ("hidden_states", input), ("timestep", time), ("encoder_attention_mask", conditioning.Mask), ("encoder_hidden_states", text)),
                    () => transformer.Condition(embeddings).Dispose(),
                ]);
                return (string[])
                [
                    size.Tokens.ToString("N0", CultureInfo.InvariantCulture), $"{size.TextTokens}", $"{race.Ratio(1, 0)}", $"{race.Ratio(2, 0)}",
                    (1000 * race.Seconds(0)).ToString("N0", CultureInfo.InvariantCulture),
                ];
            }));
    }
}
