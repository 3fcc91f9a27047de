using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife.Captions;
using TinySana.Publishing;
using TinySana.Tokenizers;
using TinySana.Training;
using static TorchSharp.torch;

namespace TinySana.Judging;

/// <summary>Whether a captioner's graphs compute what it was trained as.</summary>
internal static class CaptionerAgreement
{
    /// <summary>The greatest difference of a logit, after the first half of a caption.</summary>
    /// <param name="folder">The checkpoint.</param>
    public static double Difference(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionerOptions { Threads = 1 });
        using var captioner = CaptionerFolder.Read(folder);
        var tokenizer = new Gpt2Tokenizer(folder);
        return UnseenScenes.Usual(8).Max(scene =>
        {
            var caption = tokenizer.Encode(CaptionGrammar.Describe(scene, Richness.Rich));
            var ids = caption[..(caption.Length / 2)];
            var graph = network.LogitsAfter(SceneImages.Of(scene), ids).Data;
            var states = captioner.Encode(SceneImages.Pixels([scene], captioner.Options.Vision.Side));
            var trained = captioner.Decode(tensor([tokenizer.EndId, .. ids.Select(id => (long)id)]).unsqueeze(0), states)[0, -1];
            return (trained - tensor(graph)).abs().max().item<float>();
        });
    }
}
