using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife.Captions;
using TinySana.Judging;
using TinySana.Publishing;
using TinySana.Tokenizers;
using TinySana.Training;
using static TorchSharp.torch;

namespace TinySana.Checking;

/// <summary>A published captioner from pixels to logits, as everybody runs it: each time in the middle of a caption.</summary>
internal static class CaptionerCheck
{
    private const int Images = 8;

    public static IEnumerable<(string Network, double Difference)> Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1 });
        using var captioner = CaptionerFolder.Read(folder);
        var tokenizer = new Gpt2Tokenizer(folder);
        var greatest = UnseenScenes.Usual(Images).Max(scene =>
        {
            var caption = tokenizer.Encode(CaptionGrammar.Describe(scene, Richness.Rich));
            var ids = caption[..(caption.Length / 2)];
            var states = captioner.Encode(SceneImages.Pixels([scene], captioner.Options.Vision.Side));
            var logits = captioner.Decode(tensor([tokenizer.EndId, .. ids.Select(id => (long)id)]).unsqueeze(0), states)[0, -1]; // [vocab]
            return BuiltGraph.Difference(logits, tensor(network.LogitsAfter(SceneImages.Of(scene), ids).Data));
        });
        return [("logits", greatest)];
    }
}
