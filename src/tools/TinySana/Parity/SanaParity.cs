using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using TinySana.Training;
using static TorchSharp.torch;

namespace TinySana.Parity;

/// <summary>The networks of a Sana checkpoint by TorchSharp and by the graphs that <c>sana build</c> has made of the same files.</summary>
internal static class SanaParity
{
    private static readonly string[] Prompts = ["a red circle to the left of a large blue square", "two stars", "something else entirely: 7 émus"];

    private static readonly NetworkOptions Network = new(Sana.Inference.Runtime.Device.Cpu, Threads: 1, KeepMemory: false);

    /// <summary>Greatest difference of the hidden states that the transformer reads.</summary>
    public static double TextEncoder(string checkpoint)
    {
        using var scope = NewDisposeScope();
        using var ours = Pipeline(checkpoint);
        var worst = 0f;
        foreach (var prompt in Prompts)
        {
            var embeddings = ours.Encode(prompt, useInstruction: true).Embeddings;
            worst = Math.Max(worst, Difference(new PromptStates(checkpoint).Encode([prompt]).Text, embeddings));
        }

        return Math.Max(worst, Difference(new PromptStates(checkpoint).Encode([null]).Text.narrow(1, 0, 1), ours.Encode("", useInstruction: false).Embeddings));
    }

    /// <summary>Greatest difference of the velocity for several prompts, one of them dropped, at three noise levels.</summary>
    public static double Transformer(string checkpoint)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var ours = Sana.Inference.Diffusion.Transformer.Load(Graph("conditioning"), Graph("model"), Network);
        using var pipeline = Pipeline(checkpoint);
        using var theirs = TransformerFiles.Load(checkpoint);
        var (text, mask) = new PromptStates(checkpoint).Encode([null, .. Prompts]);
        FloatTensor[] embeddings = [pipeline.Encode("", false).Embeddings, .. Prompts.Select(prompt => pipeline.Encode(prompt, true).Embeddings)];
        using var conditioning = ours.Condition(embeddings);

        var worst = 0f;
        foreach (var timestep in (float[])[999, 500, 20])
        {
            var latents = randn(embeddings.Length, ours.Channels, 8, 8);
            var velocity = ours.Evaluate(conditioning, new(latents.data<float>().ToArray(), latents.shape), timestep, guidance: 0);
            worst = Math.Max(worst, Difference(theirs.Forward(latents, full(embeddings.Length, timestep), text, mask), velocity));
        }

        return worst;

        string Graph(string name) => Path.Combine(checkpoint, "transformer", $"{name}.onnx");
    }

    private static PromptEncoder Pipeline(string checkpoint)
    {
        var tokenizer = GemmaTokenizer.Load(Path.Combine(checkpoint, "tokenizer"));
        var encoder = Sana.Inference.Text.TextEncoder.Load(Path.Combine(checkpoint, "text_encoder", "model.onnx"), Network);
        return new PromptEncoder(tokenizer, () => ComplexHumanInstruction.Load(checkpoint, tokenizer), encoder, capacity: 0);
    }

    private static float Difference(Tensor theirs, FloatTensor ours)
    {
        using var scope = NewDisposeScope();
        return (theirs.flatten() - tensor(ours.Data)).abs().max().item<float>();
    }
}
