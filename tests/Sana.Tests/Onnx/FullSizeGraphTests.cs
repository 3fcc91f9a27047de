using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Onnx;

/// <summary>
/// Graphs of the published models at full size, without weights: ONNX Runtime infers every shape itself and comes to what was declared. Names, types and shapes
/// at the cuts are approved: they are the contract with Sana.Inference.
/// </summary>
public sealed class FullSizeGraphTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Transformers => [.. PublicConfigs.SanaTransformers.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Transformers))]
    public void Transformer(string model)
    {
        var (config, weights) = FullSizeCheckpoint.Transformer(_folder, model);

        Infers(SanaGraphs.Conditioning(config, weights));
        Infers(SanaGraphs.Denoiser(config, weights, clamp: true));
        Infers(SanaGraphs.Transformer(config with { NumLayers = 2 }, weights, clamp: false)); // blocks repeat, and this form only serves as a measure
    }

    [Theory]
    [InlineData("0.6B")]
    [InlineData("1.6B-4K")]
    [InlineData("Sprint-0.6B")]
    public void Transformer_in_half_precision(string model)
    {
        var (full, weights) = FullSizeCheckpoint.Transformer(_folder, model);
        var config = full with { NumLayers = 2 }; // the casts of one block are those of all

        Infers(SanaGraphs.Conditioning(config, weights, Arithmetic.Float16));
        Infers(SanaGraphs.Denoiser(config, weights, clamp: true, Arithmetic.Float16));
        InfersWithoutKernels(SanaGraphs.Conditioning(config, weights, Arithmetic.BFloat16));
        InfersWithoutKernels(SanaGraphs.Denoiser(config, weights, clamp: true, Arithmetic.BFloat16));
    }

    [Theory]
    [InlineData("1.6B")]
    [InlineData("Sprint-0.6B")]
    public void Transformer_contract(string model)
    {
        var (config, weights) = FullSizeCheckpoint.Transformer(_folder, model);

        Approve.Text($"Contract-conditioning-{model}", Contract(SanaGraphs.Conditioning(config, weights)));
        Approve.Text($"Contract-transformer-{model}", Contract(SanaGraphs.Denoiser(config, weights, clamp: true)));
    }

    [Theory]
    [InlineData("0.6B")]
    [InlineData("1.6B")]
    [InlineData("1.6B-4K")]
    public void Control_network(string model)
    {
        var config = SanaTransformerConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.SanaTransformers[model])) with { NumLayers = 7 };
        var weights = FullSizeCheckpoint.Weights(_folder, model, SanaTransformerTensors.Control(config));
        var network = SanaGraphs.Control(config, weights, clamp: true);

        Infers(SanaGraphs.Conditioning(config, weights));
        Infers(network);
        InfersWithoutKernels(SanaGraphs.Control(config, weights, clamp: false, Arithmetic.BFloat16));
        if (model == "1.6B")
            Approve.Text("Contract-controlnet-1.6B", Contract(network));
    }

    [Fact]
    public void Text_encoder()
    {
        var config = Gemma2Config.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.Gemma2));
        var graph = SanaGraphs.TextEncoder(config, FullSizeCheckpoint.Weights(_folder, "gemma", Gemma2Tensors.All(config)));

        Infers(graph);
        Approve.Text("Contract-text_encoder", Contract(graph));
    }

    [Fact]
    public void Autoencoder()
    {
        var config = AutoencoderDCConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.AutoencoderDC));
        var weights = FullSizeCheckpoint.Weights(_folder, "vae", AutoencoderDCTensors.All(config));
        var (encoder, decoder) = (SanaGraphs.Encoder(config, weights), SanaGraphs.Decoder(config, weights));

        Infers(encoder);
        Infers(decoder);
        Approve.Text("Contract-vae_encoder", Contract(encoder));
        Approve.Text("Contract-vae_decoder", Contract(decoder));
    }

    [Theory]
    [InlineData("B-32", PublicConfigs.ClipVitB32)]
    [InlineData("L-14", PublicConfigs.ClipVitL14)]
    public void Clip(string model, string json)
    {
        var config = ClipConfig.Load(FullSizeCheckpoint.Config(_folder, json));
        var weights = FullSizeCheckpoint.Weights(_folder, model, ClipTensors.All(config));
        var (vision, text) = (ClipGraphs.Vision(config, weights), ClipGraphs.Text(config, weights));

        Infers(vision);
        Infers(text);
        Approve.Text($"Contract-clip_vision-{model}", Contract(vision));
        Approve.Text($"Contract-clip_text-{model}", Contract(text));
    }

    [Fact]
    public void Siglip()
    {
        var config = SiglipConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.Siglip2Base));
        var weights = FullSizeCheckpoint.Weights(_folder, "siglip", SiglipTensors.All(config));
        var (vision, text) = (SiglipGraphs.Vision(config, weights), SiglipGraphs.Text(config, weights));

        Infers(vision);
        Infers(text);
        Approve.Text("Contract-siglip_vision-base", Contract(vision));
        Approve.Text("Contract-siglip_text-base", Contract(text));
    }

    [Fact]
    public void Judges()
    {
        var classifier = VitClassifierConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.NsfwClassifier));
        var checker = ClipConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.SafetyChecker));
        var nsfw = JudgeGraphs.Classifier(classifier, FullSizeCheckpoint.Weights(_folder, "classifier", classifier.Tensors()));
        var safety = JudgeGraphs.SafetyChecker(checker, FullSizeCheckpoint.Weights(_folder, "checker", SafetyCheckerTensors.All(checker, 17, 3)));

        Infers(nsfw);
        Infers(safety);
        Approve.Text("Contract-image_classifier", Contract(nsfw));
        Approve.Text("Contract-safety_checker", Contract(safety));
    }

    [Fact]
    public void Captioner()
    {
        var config = VisionEncoderDecoderConfig.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.VitGpt2), _folder.File("generation_config.json"));
        var tables = new TokenTables("decoder.transformer.wte", "decoder.transformer.wte");
        var weights = FullSizeCheckpoint.Weights(_folder, "captioner", CaptionerTensors.All(config, tables));
        var (encoder, decoder) = (CaptionerGraphs.Encoder(config, tables, weights), CaptionerGraphs.Decoder(config, tables, weights));

        Infers(encoder);
        Infers(decoder);
        Approve.Text("Contract-captioner_encoder", Contract(encoder));
        Approve.Text("Contract-captioner_decoder", Contract(decoder));
    }

    [Fact]
    public void Florence2()
    {
        var config = Florence2Config.Load(FullSizeCheckpoint.Config(_folder, PublicConfigs.Florence2Base), _folder.File("generation_config.json"), "Florence-2-base");
        var tables = new TokenTables("model.language_model.shared", "model.language_model.shared");
        var weights = FullSizeCheckpoint.Weights(_folder, "florence", Florence2Tensors.All(config, tables));
        var (encoder, decoder) = (CaptionerGraphs.Encoder(config, 768, tables, weights), CaptionerGraphs.Decoder(config, tables, weights));

        Infers(encoder);
        Infers(CaptionerGraphs.Encoder(config, 600, tables, weights)); // no map is a whole number of windows
        Infers(decoder);
        Approve.Text("Contract-florence2_encoder", Contract(encoder));
        Approve.Text("Contract-florence2_decoder", Contract(decoder));
    }

    // With numbers for the symbols of the inputs, so that the declared arithmetic of open axes is held to the runtime's.
    private static void Infers(Graph graph)
    {
        var model = graph.ToModel().Clone();
        foreach (var size in model.Graph.Input.Concat(model.Graph.Output).SelectMany(value => value.Type.TensorType.Shape.Dim).Where(size => size.DimParam.Length > 0))
        {
            size.DimValue = size.DimParam.Split('+').Sum(product => product.Split('*').Aggregate(1L, (value, part) => value * SizeOf(part)));
            size.ClearDimParam();
        }

        var declared = model.Graph.Output.ToDictionary(output => output.Name, output => output.Type.TensorType.Shape.Dim.Select(size => size.DimValue).ToArray());

        using var session = Load(model);

        Assert.Equal(declared.Keys, session.OutputNames);
        foreach (var (name, found) in session.OutputMetadata)
        {
            // An axis whose reshape is computed while the graph runs stays open (-1): the parity tests run those.
            Assert.Equal(typeof(float), found.ElementType);
            Assert.Equal(declared[name], found.Dimensions.Select((size, axis) => size < 0 ? declared[name][axis] : size));
        }
    }

    // The processor has no bfloat16 kernels. Shapes are inferred before kernels are looked for: a wrong one would be another error.
    private static void InfersWithoutKernels(Graph graph)
    {
        var refusal = Assert.Throws<OnnxRuntimeException>(() => Load(graph.ToModel().Clone()));

        Assert.Contains("Could not find an implementation", refusal.Message, StringComparison.Ordinal);
    }

    // Weights become inputs, so that nothing is read, and declared shapes are taken away, so that the runtime has to find them.
    private static InferenceSession Load(ModelProto model)
    {
        foreach (var weight in model.Graph.Initializer.Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External).ToArray())
        {
            var shape = new TensorShapeProto();
            shape.Dim.AddRange(weight.Dims.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
            var type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = weight.DataType, Shape = shape } };
            model.Graph.Input.Add(new ValueInfoProto { Name = weight.Name, Type = type });
            model.Graph.Initializer.Remove(weight);
        }

        foreach (var output in model.Graph.Output)
        {
            output.Type.TensorType.Shape = null;
        }

        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
            IntraOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        return new InferenceSession(model.ToByteArray(), options);
    }

    private static long SizeOf(string symbolOrNumber) => long.TryParse(symbolOrNumber, out var number) ? number : symbolOrNumber switch
    {
        "batch" => 2,
        "text_tokens" => 7,
        "captions" => 4,
        "sequence" => 11,
        "states" => 17,
        "past" => 13,
        "height" or "latent_height" => 3,
        "width" or "latent_width" => 5,
        _ => throw new NotSupportedException(symbolOrNumber),
    };

    private static string Contract(Graph graph)
    {
        var model = graph.ToModel();
        var text = new StringBuilder();
        model.Graph.Input.ToList().ForEach(input => text.Append(CultureInfo.InvariantCulture, $"in {Line(input)}\n"));
        model.Graph.Output.ToList().ForEach(output => text.Append(CultureInfo.InvariantCulture, $"out {Line(output)}\n"));
        return text.ToString();
    }

    private static string Line(ValueInfoProto value) =>
        $"{value.Name} {(ElementType)value.Type.TensorType.ElemType} [{string.Join(", ", value.Type.TensorType.Shape.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : $"{d.DimValue}"))}]";
}
