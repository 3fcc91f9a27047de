using System.Globalization;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Adapters;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Captioning;
using Sana.Inference.Clip;
using Sana.Inference.Judging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Tokenizers;
using TinySana.Torch;
using TinySana.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Commands;

/// <summary>The command <c>check</c>: compares every published network in LibTorch with its graph on ONNX Runtime.</summary>
internal static class CheckCommand
{
    private const double Tolerance = 1e-4;

    // Folders below the models' root, each with a function that gives the largest relative difference of each of its networks.
    private static readonly (string Folder, Func<string, IEnumerable<(string Network, double Difference)>> Compare)[] Folders =
    [
        ("tiny-sana/text_encoder", TextEncoder),
        ("tiny-sana/transformer", Transformer),
        ("tiny-sana/vae", Autoencoder),
        ("tiny-sana-delft", Adapter),
        ("tiny-clip", Clip),
        ("tiny-tidiness", Head),
        ("tiny-lettering", Classifier),
        ("tiny-captioner-rich", Captioner),
        ("tiny-captioner-terse", Captioner),
    ];

    /// <param name="arguments">The models' root; <c>models</c> by default.</param>
    /// <returns>1 if a network differs by more than 1e-4 or is missing, else 0.</returns>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var failed = false;
        foreach (var (folder, compare) in Folders)
        {
            var path = Path.Combine(arguments.FirstOrDefault("models"), folder);
            if (!Directory.Exists(path))
            {
                failed = true;
                Console.WriteLine($"{folder,-24} is not there");
                continue;
            }

            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            manual_seed(1);
            foreach (var (network, difference) in compare(path))
            {
                failed |= !(difference <= Tolerance);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder,-24} {network,-16} {difference:e2}{(difference <= Tolerance ? "" : "  differs")}"));
            }
        }

        return failed ? 1 : 0;
    }

    // All tokens at once, and the last tokens after a cache of the first ones.
    private static IEnumerable<(string Network, double Difference)> TextEncoder(string folder)
    {
        const int tokens = 40, cached = 25;
        var (network, config) = TextEncoderFolder.Read(folder);
        using var graph = new OnnxGraph(SanaGraphs.TextEncoder(config, SafetensorsWeights.Open(folder, "model")), folder);
        var ids = randint(0, config.VocabSize, [1, tokens], dtype: ScalarType.Int64);
        var expected = network.Encode(ids);
        var (first, last) = (ids.narrow(1, 0, cached), ids.narrow(1, cached, tokens - cached));
        var past = network.Encode(first, []).Present;
        var empty = zeros(1, config.NumKeyValueHeads, 0, config.HeadDim);
        PastKeyValue[] noPast = [.. Enumerable.Repeat(new PastKeyValue(empty, empty), config.NumHiddenLayers)];
        return
        [
            ("at once", OnnxGraph.Difference(expected, graph.Run("last_hidden_state", Inputs(ids, noPast)))),
            ("behind others", OnnxGraph.Difference(expected.narrow(1, cached, tokens - cached), graph.Run("last_hidden_state", Inputs(last, past)))),
        ];

        static (string Name, Tensor Value)[] Inputs(Tensor ids, PastKeyValue[] past) =>
        [
            ("input_ids", ids),
            .. past.SelectMany((layer, i) => new[] { ($"past_key_values.{i}.key", layer.Key), ($"past_key_values.{i}.value", layer.Value) }),
        ];
    }

    private static IEnumerable<(string Network, double Difference)> Transformer(string folder)
    {
        var (network, config) = TransformerFolder.Read(folder);
        using var graph = new OnnxGraph(SanaGraphs.Transformer(config, SafetensorsWeights.Open(folder, "diffusion_pytorch_model"), clamp: false), folder);
        var (latents, timestep, text, mask) = TransformerInputs(config);
        var actual = graph.Run(
            "out_hidden_states",
            ("hidden_states", latents), ("timestep", timestep), ("encoder_attention_mask", mask), ("encoder_hidden_states", text));
        return [("velocity", OnnxGraph.Difference(network.Forward(latents, timestep, text, mask).Velocity, actual))];
    }

    // The adapted transformer, against the graphs that take adapters with the file as the project reads it.
    private static IEnumerable<(string Network, double Difference)> Adapter(string folder)
    {
        var place = Path.Combine(Path.GetDirectoryName(folder)!, "tiny-sana", "transformer");
        var (network, config) = TransformerFolder.Read(place);
        LoraFolder.Read(folder, new LoraModule(network, LoraTraining.Rank));
        var (latents, timestep, text, mask) = TransformerInputs(config);

        var weights = SafetensorsWeights.Open(place, "diffusion_pytorch_model");
        using var conditioning = new OnnxGraph(SanaGraphs.Conditioning(config, weights, extended: true), place);
        using var denoiser = new OnnxGraph(SanaGraphs.Denoiser(config, weights, clamp: false, extended: true), place);
        var ofText = LoraFile.Open(folder).Read().ToLookup(layer => layer.Name.EndsWith(".attn2.to_k", StringComparison.Ordinal) || layer.Name.EndsWith(".attn2.to_v", StringComparison.Ordinal));
        (string Name, Tensor Value)[] textInputs = [("encoder_hidden_states", text), .. Inputs(ofText[true])];
        var keysAndValues = Enumerable.Range(0, config.NumLayers).SelectMany(i => new[] { $"transformer_blocks.{i}.attn2.k", $"transformer_blocks.{i}.attn2.v" })
            .Select(name => (name, conditioning.Run(name, textInputs)));
        var actual = denoiser.Run("out_hidden_states", [("hidden_states", latents), ("timestep", timestep), ("encoder_attention_mask", mask), .. keysAndValues, .. Inputs(ofText[false])]);
        return [("velocity", OnnxGraph.Difference(network.Forward(latents, timestep, text, mask).Velocity, actual))];

        static IEnumerable<(string Name, Tensor Value)> Inputs(IEnumerable<LoraMatrices> layers) => layers.SelectMany(layer => new[]
        {
            ($"{layer.Name}.lora_A", tensor(layer.A, layer.A.Length / layer.Rank, layer.Rank)),
            ($"{layer.Name}.lora_B", tensor(layer.B, layer.Rank, layer.B.Length / layer.Rank) * layer.Scale),
        });
    }

    // Three noise levels, texts of different lengths, latents that are not square.
    private static (Tensor Latents, Tensor Timestep, Tensor Text, Tensor Mask) TransformerInputs(SanaTransformerConfig config)
    {
        const int tokens = 20;
        var timestep = tensor(new float[] { 999, 500, 20 });
        var (latents, text) = (randn(3, config.InChannels, 8, 6), randn(3, tokens, config.CaptionChannels));
        return (latents, timestep, text, arange(tokens).less(tensor(new long[] { 1, 7, tokens }).unsqueeze(1)).to_type(ScalarType.Int64)); // mask [3, tokens]
    }

    // Encoder and decoder, on scenes of both sizes.
    private static List<(string Network, double Difference)> Autoencoder(string folder)
    {
        const int count = 4;
        var (network, config) = VaeFolder.Read(folder);
        var weights = SafetensorsWeights.Open(folder, "diffusion_pytorch_model");
        using var encoder = new OnnxGraph(SanaGraphs.Encoder(config, weights), folder);
        using var decoder = new OnnxGraph(SanaGraphs.Decoder(config, weights), folder);
        var differences = new List<(string Network, double Difference)>();
        foreach (var side in (int[])[128, 64])
        {
            var images = ScenePictures.ToTensor(ScenePictures.Render(ScenePictures.Unseen, count, side), side);
            var latents = network.Encode(images);
            differences.Add(($"encoder {side}", OnnxGraph.Difference(latents, encoder.Run("latent_sample", ("sample", images)))));
            differences.Add(($"decoder {side}", OnnxGraph.Difference(network.Decode(latents), decoder.Run("sample", ("latent_sample", latents)))));
        }

        return differences;
    }

    // From pixels and from texts to embeddings of length 1, through the scorer that users run.
    private static IEnumerable<(string Network, double Difference)> Clip(string folder)
    {
        ClipCheckpoint.Build(folder, new BuildOptions());
        using var scorer = ClipScorer.Load(folder, new ClipScorerOptions { Threads = 1 });
        using var clip = ClipFolder.Read(folder);
        var scenes = UnseenScenes.Usual(8);
        var texts = Array.ConvertAll(scenes, scene => CaptionGrammar.Describe(scene, Richness.Rich));
        var tokens = Array.ConvertAll(texts, ClipTokenizer.Load(folder).Encode);

        var images = clip.Vision.Embed(clip.Vision.Encode(ScenePictures.Pixels(scenes, clip.Sizes.Vision.Side)));
        var ends = tensor(Array.ConvertAll(tokens, text => text.Length - 1L));
        var words = clip.Text.Embed(stack(tokens.Select(text => tensor(Array.ConvertAll(text.Ids, id => (long)id)))), ends);
        return
        [
            ("images", Difference(images, scorer.EmbedImages(Array.ConvertAll(scenes, ScenePictures.Render)))),
            ("texts", Difference(words, scorer.EmbedTexts(texts))),
        ];

        static double Difference(Tensor expected, float[][] actual) =>
            OnnxGraph.Difference(functional.normalize(expected, dim: 1), stack(actual.Select(row => tensor(row))));
    }

    // From the vectors of models/tiny-clip to scores, through the judge that users run.
    private static IEnumerable<(string Network, double Difference)> Head(string folder)
    {
        var place = Path.Combine(Path.GetDirectoryName(folder)!, "tiny-clip");
        ClipCheckpoint.Build(place, new BuildOptions());
        using var scorer = ClipScorer.Load(place, new ClipScorerOptions { Threads = 1 });
        var file = AestheticFile.Open(folder);
        using var judge = new AestheticJudge("tiny-tidiness", file.Sha256, [.. file.Layers.Select(layer => new HeadLayer(layer.From, layer.To, layer.Weight, layer.Bias, layer.HasRelu))], scorer, file.Clip, file.Scale);
        var images = Array.ConvertAll(UnseenScenes.Usual(8), ScenePictures.Render);
        var expected = AestheticFolder.Read(folder, scorer.Width).Forward(stack(scorer.EmbedImages(images).Select(row => tensor(row))));
        return [("scores", OnnxGraph.Difference(expected, tensor(Array.ConvertAll(judge.Score(new JudgedImages(images)), score => (float)score))))];
    }

    // From pixels to the probability of the last label, through the judge that users run.
    private static IEnumerable<(string Network, double Difference)> Classifier(string folder)
    {
        JudgeCheckpoint.Build(folder, new BuildOptions());
        using var judge = ImageClassifier.Load(folder, LetteringTraining.Labels[^1], new JudgeOptions { Threads = 1 });
        using var classifier = ClassifierFolder.Read(folder);
        Scene[] scenes = [.. UnseenScenes.Usual(4), .. UnseenScenes.Signs(4, isHeldOut: false)];
        var expected = functional.softmax(classifier.Forward(ScenePictures.Pixels(scenes, classifier.Sizes.Side)), 1)[.., -1]; // [b]
        return [("probabilities", OnnxGraph.Difference(expected, tensor(Array.ConvertAll(judge.Score(new JudgedImages([.. scenes.Select(ScenePictures.Render)])), score => (float)score))))];
    }

    // From pixels and the first half of a caption to the logits of the next token, through the captioner that users run.
    private static IEnumerable<(string Network, double Difference)> Captioner(string folder)
    {
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1 });
        using var captioner = CaptionerFolder.Read(folder);
        var tokenizer = new Gpt2Tokenizer(folder);
        var greatest = UnseenScenes.Usual(8).Max(scene =>
        {
            var caption = tokenizer.Encode(CaptionGrammar.Describe(scene, Richness.Rich));
            var ids = caption[..(caption.Length / 2)];
            var states = captioner.Encode(ScenePictures.Pixels([scene], captioner.Sizes.Vision.Side));
            var logits = captioner.Decode(tensor([tokenizer.EndId, .. ids.Select(id => (long)id)]).unsqueeze(0), states)[0, -1]; // [vocab]
            return OnnxGraph.Difference(logits, tensor(network.LogitsAfter(ScenePictures.Render(scene), ids).Data));
        });
        return [("logits", greatest)];
    }
}

/// <summary>A graph over the weights of a published folder, on ONNX Runtime.</summary>
internal sealed class OnnxGraph(Graph graph, string folder) : IDisposable
{
    private readonly OnnxModel _network = OnnxModel.Load(graph.ToModel().ToByteArray(), Path.GetFullPath(folder), new OnnxModelOptions(Sana.Inference.Runtime.Device.Cpu, 1, KeepMemory: false));

    /// <summary>Runs the graph. Inputs are float32 or int64.</summary>
    public Tensor Run(string output, params ReadOnlySpan<(string Name, Tensor Value)> inputs)
    {
        var values = new List<(string Name, OrtValue Value)>();
        try
        {
            foreach (var (name, value) in inputs)
                values.Add((name, ToOrtValue(value)));
            using var outputs = _network.Run(values, [output], CancellationToken.None);
            var result = Sana.Inference.Runtime.FloatTensor.From(outputs[0]);
            return tensor(result.Data, result.Shape);
        }
        finally
        {
            values.ForEach(value => value.Value.Dispose());
        }
    }

    /// <summary>Largest difference between two results, relative to the largest expected value.</summary>
    public static double Difference(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        return ((actual - expected).abs().max() / expected.abs().max()).item<float>();
    }

    public void Dispose() => _network.Dispose();

    private static OrtValue ToOrtValue(Tensor value)
    {
        using var dense = value.contiguous();
        return value.dtype == ScalarType.Int64
            ? OrtValue.CreateTensorValueFromMemory(dense.data<long>().ToArray(), value.shape)
            : OrtValue.CreateTensorValueFromMemory(value.numel() == 0 ? [] : dense.data<float>().ToArray(), value.shape);
    }
}
