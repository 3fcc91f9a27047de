using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.StillLife.Evaluation;
using Sana.StillLife.Rendering;

namespace Sana.Local.Evaluation;

/// <summary>What CLIP says of drawn images: how well each fits its prompt, and how far all of them are from rendered scenes.</summary>
internal sealed class ClipMeasure(ClipScorer scorer, CancellationToken cancellationToken)
{
    private EmbeddingMoments? _rendered;

    /// <summary>Takes the rendered scenes of prompts as what images should look like.</summary>
    public void SetReference(IReadOnlyList<EvaluationPrompt> prompts, int side) =>
        _rendered = Moments(scorer.EmbedImages([.. prompts.Select(prompt => new RgbImage(side, side, SceneRenderer.Render(prompt.Scene, side)))], cancellationToken));

    /// <summary>100 × cosine of each image and its prompt; not a number where there is no image.</summary>
    public (double[] Scores, double? Frechet) Of(IReadOnlyList<Drawn> drawn)
    {
        RgbImage[] images = [.. drawn.Select(one => one.Image).OfType<RgbImage>()];
        var embeddings = scorer.EmbedImages(images, cancellationToken);
        var moments = Moments(embeddings);
        var scores = new Queue<ClipTextScore[]>(scorer.ScoreTexts(embeddings, [.. drawn.Where(one => one.Image is not null).Select(one => (string[])[one.Prompt.Text])], cancellationToken));
        double? frechet = _rendered is { Count: > 1 } && moments is { Count: > 1 } ? FrechetDistance.Between(moments, _rendered) : null;
        return ([.. drawn.Select(one => one.Image is null ? double.NaN : scores.Dequeue()[0].Score)], frechet);
    }

    private static EmbeddingMoments? Moments(float[][] embeddings)
    {
        if (embeddings.Length == 0)
            return null;
        var moments = new EmbeddingMoments(embeddings[0].Length);
        foreach (var embedding in embeddings)
            moments.Add(embedding);
        return moments;
    }
}
