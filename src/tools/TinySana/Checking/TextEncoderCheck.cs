using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using TinySana.Networks;
using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Checking;

/// <summary>A published text encoder, at once and behind tokens that were read before.</summary>
internal static class TextEncoderCheck
{
    private const int Tokens = 40, Before = 25;

    public static IEnumerable<(string Network, double Difference)> Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        manual_seed(1);
        var (network, config) = TextEncoderFolder.Read(folder);
        using var graph = new BuiltGraph(SanaGraphs.TextEncoder(config, SafetensorsWeights.Open(folder, "model")), folder);
        var ids = randint(0, config.VocabSize, [1, Tokens], dtype: ScalarType.Int64);
        var expected = network.Encode(ids);
        var (read, rest) = (ids.narrow(1, 0, Before), ids.narrow(1, Before, Tokens - Before));
        var past = network.Encode(read, []).Present;
        return
        [
            ("at once", BuiltGraph.Difference(expected, graph.Run("last_hidden_state", Inputs(ids, Nothing(config))))),
            ("behind others", BuiltGraph.Difference(expected.narrow(1, Before, Tokens - Before), graph.Run("last_hidden_state", Inputs(rest, past)))),
        ];
    }

    private static Gemma2.KeyValue[] Nothing(Gemma2Config config) =>
    [
        .. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => zeros(1, config.NumKeyValueHeads, 0, config.HeadDim)).Select(none => new Gemma2.KeyValue(none, none)),
    ];

    private static (string Name, Tensor Value)[] Inputs(Tensor ids, Gemma2.KeyValue[] past) =>
    [
        ("input_ids", ids),
        .. past.SelectMany((layer, i) => new[] { ($"past_key_values.{i}.key", layer.Key), ($"past_key_values.{i}.value", layer.Value) }),
    ];
}
