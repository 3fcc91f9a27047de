using System.Globalization;
using Sana.GraphBuilder.Models;
using Sana.Inference.Diffusion;

namespace Sana.Benchmarks;

/// <summary>Compares a step of the graphs that take adapters and perturbed attention with one of the plain graphs: without either, with an adapter on the attention's layers, with perturbed attention.</summary>
internal static class AdapterBenchmark
{
    private const int Layers = 4;
    private const int Samples = 2;
    private const int TextTokens = 40;
    private const int Rank = 16;
    private static readonly int[] Tokens = [256, 1_024];
    private static readonly string[] Attentions = ["attn1", "attn2"];
    private static readonly string[] Projections = ["to_q", "to_k", "to_v"];

    public static void Run(int rounds)
    {
        using var group = new BlockGroup(Layers);
        var plain = group.LoadTransformer();
        var extended = new SanaTransformer(
            group.Load(SanaGraphs.Conditioning(group.Config, group.Weights, extended: true)), group.Load(SanaGraphs.Denoiser(group.Config, group.Weights, clamp: false, extended: true)));
        using var inputs = new AdapterInputs([(new AdapterUse("random"), [.. Enumerable.Range(0, Layers).SelectMany(block => AttentionOf(block, group.Config.Width))])]);
        var embeddings = group.Embeddings(Samples, TextTokens);
        using var without = plain.Condition(embeddings);
        using var with = extended.Condition(embeddings, inputs);

        Markdown.Text(
            $"{Layers} blocks of Sana-0.6B, {Samples} samples, {TextTokens} text tokens. Time of a step of the extended graphs relative to one of the plain graphs: with nothing given, "
            + $"with an adapter of rank {Rank} on queries, keys and values, and with perturbed attention from the block in the middle on.");
        Markdown.Table(
            ["tokens", "nothing / plain", "adapter / plain", "perturbed / plain", "plain, ms"],
            Tokens.Select(tokens =>
            {
                var latents = group.Latents(Samples, tokens);
                using var perturbed = new PerturbedInputs([Layers / 2], Layers, Samples, Samples / 2);
                var race = Race.Run(rounds,
                [
                    () => plain.Evaluate(without, latents, 500, 0),
                    () => extended.Evaluate(without, latents, 500, 0),
                    () => extended.Evaluate(with, latents, 500, 0),
                    () => extended.Evaluate(without, latents, 500, 0, perturbed),
                ]);
                return (string[])
                [
                    tokens.ToString("N0", CultureInfo.InvariantCulture), Precise(race, 1), Precise(race, 2), Precise(race, 3), (1000 * race.Seconds(0)).ToString("N0", CultureInfo.InvariantCulture),
                ];
            }));
    }

    // A percent is what counts here.
    private static string Precise(Race race, int entrant)
    {
        var ratio = race.Ratio(entrant, 0);
        return string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.000} (min {ratio.Minimum:0.000})");
    }

    private static IEnumerable<AdapterLayer> AttentionOf(int block, int width) =>
        from attention in Attentions
        from name in Projections
        select new AdapterLayer($"transformer_blocks.{block}.{attention}.{name}", Rank, 1, BlockGroup.Random(width, Rank).Data, BlockGroup.Random(Rank, width).Data, null);
}
