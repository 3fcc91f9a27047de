using Sana.GraphBuilder.Checkpoint;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>The graphs of a captioner: where the network is cut, and the names at the cuts. The same names stand in ARCHITECTURE.md and in Sana.Inference.</summary>
internal static class CaptionerGraphs
{
    private static readonly Dim Batch = Dim.Of("batch");

    /// <summary>encoder_model.onnx: what depends on the image alone.</summary>
    public static Graph Encoder(CaptionerConfig config, TokenTables tables, Weights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("encoder_model", weights, ElementType.Float, expose);
        long side = config.Encoder.ImageSize;
        var states = new VitEncoder(g, config.Encoder).Encode(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side));
        states = config.Projects ? g.Module("enc_to_dec_proj", g.Linear(states, "enc_to_dec_proj")) : states;
        var cross = new Gpt2Decoder(g, config.Decoder, tables).Cross(states);
        for (var i = 0; i < cross.Length; i++)
        {
            g.Output(CrossKeyOf(i), cross[i].Key);
            g.Output(CrossValueOf(i), cross[i].Value);
        }

        return g;
    }

    /// <summary>decoder_model.onnx: what runs once a token, the first included.</summary>
    public static Graph Decoder(CaptionerConfig config, TokenTables tables, Weights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("decoder_model", weights, ElementType.Float, expose);
        long heads = config.Decoder.NHead, size = config.Decoder.HeadDim, states = config.Encoder.Tokens;
        var ids = g.Input("input_ids", ElementType.Int64, Batch, Dim.Of("sequence"));
        var layers = Enumerable.Range(0, config.Decoder.NLayer).ToArray();
        var past = layers.Select(i => new Gpt2Decoder.KeyValue(Past(i, "key"), Past(i, "value"))).ToArray();
        var cross = layers.Select(i => new Gpt2Decoder.KeyValue(
            g.Input(CrossKeyOf(i), ElementType.Float, Batch, heads, size, states), g.Input(CrossValueOf(i), ElementType.Float, Batch, heads, states, size))).ToArray();
        var (logits, present) = new Gpt2Decoder(g, config.Decoder, tables).Decode(ids, past, cross);
        g.Output("logits", logits);
        for (var i = 0; i < present.Length; i++)
        {
            g.Output($"present.{i}.key", present[i].Key);
            g.Output($"present.{i}.value", present[i].Value);
        }

        return g;

        Value Past(int layer, string what) => g.Input($"past_key_values.{layer}.{what}", ElementType.Float, Batch, heads, Dim.Of("past"), size);
    }

    private static string CrossKeyOf(int layer) => $"decoder.{layer}.cross.k";

    private static string CrossValueOf(int layer) => $"decoder.{layer}.cross.v";
}
