using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Scenes;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Measures the language model on new scenes: how often, after a caption of a scene, another true caption is more likely than one that is wrong in one fact.
/// </summary>
internal sealed class TextEncoderReport(Gemma2Module network, GemmaTokenizer tokenizer)
{
    private const int Scenes = 400;

    /// <summary>For each change, the share of scenes in which the true caption is more likely.</summary>
    public IEnumerable<(Change Change, double Share)> Measure()
    {
        using var noGradient = no_grad();
        foreach (var change in Enum.GetValues<Change>())
        {
            var right = Enumerable.Range(0, Scenes).Select(i => IsRight(ScenePictures.Unseen + (ulong)i, change)).OfType<bool>().ToArray();
            yield return (change, right.Average(one => one ? 1.0 : 0.0));
        }
    }

    private bool? IsRight(ulong seed, Change change)
    {
        var scene = SceneGenerator.Draw(seed);
        if (HardNegatives.Write(scene, change, Richness.Placed, new SceneRandom(seed)) is not { } negative)
            return null;
        var first = CaptionGrammar.Describe(scene, Richness.Rich) + "\n";
        return LogLikelihood(first, CaptionGrammar.Describe(scene, Richness.Placed)) > LogLikelihood(first, negative);
    }

    // A mean over the tokens of the second caption, so that its length does not matter.
    private double LogLikelihood(string first, string second)
    {
        using var scope = NewDisposeScope();
        var (before, ids) = (tokenizer.Encode(first).Length, tokenizer.Encode(first + second).Select(id => (long)id).ToArray());
        var all = tensor(ids, 1, ids.Length);
        var hidden = network.Encode(all).squeeze(0).narrow(0, before - 1, ids.Length - before); // [tokens of the second, hidden]
        return -nn.functional.cross_entropy(network.Logits(hidden), all.squeeze(0).narrow(0, before, ids.Length - before)).item<float>();
    }
}
