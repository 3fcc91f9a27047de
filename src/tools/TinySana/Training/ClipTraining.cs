using Sana.Inference.Text;
using TinySana.Networks;
using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>
/// Trains CLIP: each image against the texts of all others and against lies about itself that differ in one thing, and each text against all other images. Texts that
/// happen to be true of another image count for neither side. Both towers answer the questions of fact (<see cref="SceneHeads"/>) from their embeddings by one head,
/// which brings the two spaces together from the start.
/// </summary>
internal static class ClipTraining
{
    private const double Facts = 0.5;
    private const float Never = -1e4f;
    private const int TextParts = 3;
    private static readonly double MostScale = Math.Log(100);

    public static TrainingOptions Options { get; } =
        new() { Steps = 1_000, BatchSize = 64, LearningRate = 1e-3, WarmUp = 80, CheckpointEvery = 100, EmaDecay = 0.99, ClipNorm = 2, Seed = 33 };

    /// <summary>Trains, or goes on training, and gives CLIP with its averaged weights.</summary>
    /// <param name="folder">Where checkpoint and log are.</param>
    /// <param name="tokenizer">Of its texts.</param>
    /// <param name="seer">A trained captioner, whose encoder the image tower begins as.</param>
    /// <param name="train">Whether steps that are left are done; else the last checkpoint is taken as it is.</param>
    public static Clip Run(string folder, ClipTokenizer tokenizer, Learner<Captioner> seer, bool train = true)
    {
        manual_seed((long)Options.Seed);
        var vision = seer.Network.Options.Vision;
        var text = new TowerOptions(Width: 128, Layers: 3, Heads: 4);
        var clip = new Clip(new ClipOptions(vision, text, tokenizer.VocabularySize, tokenizer.ContextLength, Projection: 128));
        var learner = new Learner<Clip>("clip", clip, vision.Width);
        ClipStart.From(seer, learner);
        using var run = new TrainingRun(folder, learner, Options);
        if (train)
            run.Train(step => Loss(learner, tokenizer, step));
        run.UseEma();
        return clip;
    }

    private static Tensor Loss(Learner<Clip> learner, ClipTokenizer tokenizer, int step)
    {
        var batch = new ClipBatch(Options.Seed, step, Options.BatchSize);
        var (clip, b) = (learner.Network, batch.Scenes.Length);
        var states = clip.Vision.See(SceneImages.Worn(SceneImages.Pixels(batch.Scenes, clip.Options.Vision.Side)));
        var images = clip.Vision.Embed(states); // [b, p]
        var (parts, rows) = batch.Tokens(tokenizer, TextParts);
        var texts = cat([.. parts.Select(part => clip.Text.Embed(part.Ids, part.Ends))], 0).index_select(0, rows); // [texts, p]

        var scale = clip.LogitScale.clamp(null, MostScale).exp();
        var logits = matmul(functional.normalize(images, dim: 1), functional.normalize(texts, dim: 1).t()) * scale; // [b, texts]
        var truths = logits[.., ..(ClipBatch.Truths * b)].reshape(b, ClipBatch.Truths, b).diagonal(0, 0, 2); // [truths, b]
        var others = logits.masked_fill(batch.True(), Never);
        var lies = logits.gather(1, batch.LiesOfScenes()).reshape(b, ClipBatch.Truths, ClipBatch.Lies).logsumexp(2).t(); // [truths, b]
        var among = others.logsumexp(1).unsqueeze(0); // [1, b]
        var across = others[.., ..(ClipBatch.Truths * b)].logsumexp(0).reshape(ClipBatch.Truths, b); // [truths, b]
        var contrast = functional.softplus(among - truths).mean() + functional.softplus(across - truths).mean() + functional.softplus(lies - truths).mean();

        var truth = SceneTruth.Of(batch.Scenes, clip.Options.Vision.Cells);
        var facts = learner.Heads.PatchLoss(clip.Vision.Normed(states)[.., 1..], truth) + learner.Heads.WholeLoss(images, truth.Whole);
        return contrast + ((facts + learner.Heads.WholeLoss(texts, batch.Said())) * Facts);
    }
}
