using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Text;
using Sana.StillLife.Captions;
using TinySana.Publishing;
using TinySana.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Judging;

/// <summary>Whether CLIP's graphs compute what it was trained as.</summary>
internal static class ClipAgreement
{
    /// <summary>The greatest difference in an embedding of length 1, of images and of texts.</summary>
    /// <param name="folder">The checkpoint.</param>
    public static double Difference(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        ClipCheckpoint.Build(folder, new BuildOptions());
        using var scorer = ClipScorer.Load(folder, new Sana.Inference.Clip.ClipOptions { Threads = 1 });
        using var clip = ClipFolder.Read(folder);
        var tokenizer = ClipTokenizer.Load(folder);
        var scenes = UnseenScenes.Usual(8);
        var texts = Array.ConvertAll(scenes, scene => CaptionGrammar.Describe(scene, Richness.Rich));
        var ids = Array.ConvertAll(texts, tokenizer.Encode);

        var images = clip.Vision.Embed(clip.Vision.See(SceneImages.Pixels(scenes, clip.Options.Vision.Side)));
        var ends = tensor(Array.ConvertAll(ids, text => text.Length - 1L));
        var words = clip.Text.Embed(stack(ids.Select(text => tensor(Array.ConvertAll(text.Ids, id => (long)id)))), ends);
        var seen = scorer.EmbedImages(Array.ConvertAll(scenes, SceneImages.Of));
        return Math.Max(Greatest(images, seen), Greatest(words, scorer.EmbedTexts(texts)));
    }

    private static double Greatest(Tensor trained, float[][] graph) =>
        (functional.normalize(trained, dim: 1) - stack(graph.Select(row => tensor(row)))).abs().max().item<float>();
}
