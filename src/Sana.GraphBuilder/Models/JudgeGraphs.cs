using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>The graphs of what judges images. ARCHITECTURE.md and Sana.Inference have the same names of inputs and outputs. Letters: b batch, d width of the tower, p width of the space.</summary>
internal static class JudgeGraphs
{
    public const string Concepts = "concept_embeds";
    public const string SpecialCare = "special_care_embeds";
    private static readonly Dim Batch = Dim.Symbolic("batch");

    /// <summary>model.onnx of an image classifier (transformers' ViTForImageClassification): the class token's state through one linear layer.</summary>
    public static Graph Classifier(VitClassifierConfig config, SafetensorsWeights weights)
    {
        var g = new Graph("image_classifier", weights);
        long side = config.Vit.ImageSize;
        var states = new VitGraph(g, config.Vit, VitClassifierConfig.ModelType).Encode(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side)); // [b, 1 + n, d]
        g.Path = "classifier";
        g.Output("logits", g.Linear(g.Reshape(g.Row(states, 1, 0), states[0], states[2]), "classifier")); // [b, labels]
        return g;
    }

    /// <summary>model.onnx of the safety checker (diffusers' StableDiffusionSafetyChecker): cosines of the image with the concepts, and from which cosine each of them counts.</summary>
    public static Graph SafetyChecker(ClipConfig config, SafetensorsWeights weights)
    {
        var g = new Graph("safety_checker", weights);
        long side = config.ImageSize;
        var image = new ClipGraph(g, config).EmbedImages(g.Input("pixel_values", ElementType.Float, Batch, 3, side, side)); // [b, p]
        g.Output("image_embeds", image);
        foreach (var concepts in new[] { Concepts, SpecialCare })
        {
            g.Path = concepts;
            g.Output($"{concepts}_cosines", g.MatMul(OfLength1(image), g.Transpose(OfLength1(g.Weight(concepts)), 1, 0))); // [b, concepts]
            g.Output($"{concepts}_thresholds", g.Weight($"{concepts}_weights")); // [concepts]
        }

        return g;

        Value OfLength1(Value x) => g.Div(x, g.Sqrt(g.SumOfSquares(x, 1)));
    }

    /// <summary>tokens.onnx of a judge of prompts: rows of the embedding, which is the head too. A product of a hidden state and a row is the logit of its token.</summary>
    public static Graph Tokens(Gemma2Config config, SafetensorsWeights weights)
    {
        var g = new Graph("tokens", weights);
        g.Path = "embed_tokens";
        // Gather before Cast: only the rows that are asked for are read from the file.
        var rows = g.Gather(g.Stored("embed_tokens.weight"), g.Input("input_ids", ElementType.Int64, Dim.Symbolic("tokens")), 0);
        g.Output("rows", g.Reshape(g.Cast(rows, ElementType.Float), rows[0], config.HiddenSize)); // [tokens, hidden]
        return g;
    }
}
