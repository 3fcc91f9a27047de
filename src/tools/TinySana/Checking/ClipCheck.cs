using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Text;
using Sana.StillLife.Captions;
using TinySana.Judging;
using TinySana.Publishing;
using TinySana.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Checking;

/// <summary>A published CLIP from pixels and from texts to embeddings of length 1, as everybody runs it.</summary>
internal static class ClipCheck
{
    private const int Images = 8;

    public static IEnumerable<(string Network, double Difference)> Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        ClipCheckpoint.Build(folder, new BuildOptions());
        using var scorer = ClipScorer.Load(folder, new ClipScorerOptions { Threads = 1 });
        using var clip = ClipFolder.Read(folder);
        var scenes = UnseenScenes.Usual(Images);
        var texts = Array.ConvertAll(scenes, scene => CaptionGrammar.Describe(scene, Richness.Rich));
        var tokens = Array.ConvertAll(texts, ClipTokenizer.Load(folder).Encode);

        var images = clip.Vision.Embed(clip.Vision.See(SceneImages.Pixels(scenes, clip.Options.Vision.Side)));
        var ends = tensor(Array.ConvertAll(tokens, text => text.Length - 1L));
        var words = clip.Text.Embed(stack(tokens.Select(text => tensor(Array.ConvertAll(text.Ids, id => (long)id)))), ends);
        return
        [
            ("images", Difference(images, scorer.EmbedImages(Array.ConvertAll(scenes, SceneImages.Of)))),
            ("texts", Difference(words, scorer.EmbedTexts(texts))),
        ];
    }

    private static double Difference(Tensor trained, float[][] graph) => BuiltGraph.Difference(functional.normalize(trained, dim: 1), stack(graph.Select(row => tensor(row))));
}
