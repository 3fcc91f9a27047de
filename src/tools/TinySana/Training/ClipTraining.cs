using Sana.Inference.Text;
using TinySana.Networks;
using TinySana.Scenes;
using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>
/// Trains CLIP.
/// The contrastive loss compares each image with the texts of all other images and with hard negatives of its own, and each text with all other images.
/// It ignores texts that are also true of the other image.
/// One of the <see cref="SceneHeads"/> reads the embeddings of both towers, which aligns them from the start.
/// </summary>
internal static class ClipTraining
{
    private const double HeadsWeight = 0.5;
    private const float Ignored = -1e4f;
    private const int TextParts = 3;
    private static readonly double MaxLogitScale = Math.Log(100);

    public static TrainingOptions Options { get; } =
        new() { Steps = 1_000, BatchSize = 64, LearningRate = 1e-3, WarmUp = 80, CheckpointEvery = 100, EmaDecay = 0.99, ClipNorm = 2, Seed = 33 };

    /// <summary>Trains, or continues a training, and returns CLIP with its averaged weights.</summary>
    /// <param name="folder">The folder of checkpoint and log.</param>
    /// <param name="tokenizer">The tokenizer of its texts.</param>
    /// <param name="captioner">A trained captioner. Its encoder initialises the image tower.</param>
    /// <param name="train">Whether to do the remaining steps; if not, the last checkpoint is used.</param>
    public static ClipModule Run(string folder, ClipTokenizer tokenizer, ModuleWithHeads<CaptionerModule> captioner, bool train)
    {
        manual_seed((long)Options.Seed);
        var vision = captioner.Network.Sizes.Vision;
        var text = new TransformerSizes(Width: 128, Layers: 3, Heads: 4);
        var clip = new ClipModule(new ClipSizes(vision, text, tokenizer.VocabularySize, tokenizer.ContextLength, Projection: 128));
        var model = new ModuleWithHeads<ClipModule>("clip", clip, vision.Width);
        ClipInitialization.FromCaptioner(captioner, model);
        using var run = new TrainingRun(folder, model, Options);
        if (train)
            run.Train(step => Loss(model, tokenizer, step));
        run.UseEma();
        return clip;
    }

    private static Tensor Loss(ModuleWithHeads<ClipModule> model, ClipTokenizer tokenizer, int step)
    {
        var batch = new ClipBatch(Options.Seed, step, Options.BatchSize);
        var (clip, b) = (model.Network, batch.Scenes.Length);
        var states = clip.Vision.Encode(ScenePictures.Augment(ScenePictures.Pixels(batch.Scenes, clip.Sizes.Vision.Side)));
        var images = clip.Vision.Embed(states); // [b, p]
        var (parts, rows) = batch.Tokens(tokenizer, TextParts);
        var texts = cat([.. parts.Select(part => clip.Text.Embed(part.Ids, part.Ends))], 0).index_select(0, rows); // [texts, p]

        var scale = clip.LogitScale.clamp(null, MaxLogitScale).exp();
        var logits = matmul(functional.normalize(images, dim: 1), functional.normalize(texts, dim: 1).t()) * scale; // [b, texts]
        var truths = logits[.., ..(ClipBatch.Truths * b)].reshape(b, ClipBatch.Truths, b).diagonal(0, 0, 2); // [truths, b]
        var others = logits.masked_fill(batch.IsTrue(), Ignored);
        var negatives = logits.gather(1, batch.NegativesOfScenes()).reshape(b, ClipBatch.Truths, ClipBatch.Negatives).logsumexp(2).t(); // [truths, b]
        var ofImages = others.logsumexp(1).unsqueeze(0); // [1, b]
        var ofTexts = others[.., ..(ClipBatch.Truths * b)].logsumexp(0).reshape(ClipBatch.Truths, b); // [truths, b]
        var contrast = functional.softplus(ofImages - truths).mean() + functional.softplus(ofTexts - truths).mean() + functional.softplus(negatives - truths).mean();

        var truth = SceneTruth.Create(batch.Scenes, clip.Sizes.Vision.Cells);
        var facts = model.Heads.PatchLoss(clip.Vision.Normalize(states)[.., 1..], truth) + model.Heads.WholeLoss(images, truth.Whole);
        return contrast + ((facts + model.Heads.WholeLoss(texts, batch.StatedFacts())) * HeadsWeight);
    }
}

/// <summary>
/// Initialises CLIP's image tower from a captioner's encoder.
/// CLIP has an additional layer norm first, and no bias of patches, so that bias is added to the positions.
/// </summary>
internal static class ClipInitialization
{
    private const int Scenes = 64; // from which the first layer norm is set

    public static void FromCaptioner(ModuleWithHeads<CaptionerModule> captioner, ModuleWithHeads<ClipModule> model)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var from = captioner.named_parameters().ToDictionary(one => one.name, one => (Tensor)one.parameter);
        var to = model.named_parameters().ToDictionary(one => one.name, one => (Tensor)one.parameter);
        const string embeddings = "captioner.encoder.embeddings", vision = "clip.vision_model";

        var (classToken, positions) = (from[$"{embeddings}.cls_token"].flatten(), from[$"{embeddings}.position_embeddings"].squeeze(0).clone());
        positions[1..].add_(from[$"{embeddings}.patch_embeddings.projection.bias"]);
        to[$"{vision}.embeddings.class_embedding"].copy_(classToken);
        to[$"{vision}.embeddings.position_embedding.weight"].copy_(positions);
        to[$"{vision}.embeddings.patch_embedding.weight"].copy_(from[$"{embeddings}.patch_embeddings.projection.weight"]);
        // The first layer norm removes mean and deviation of every token. Its weight and bias restore their averages.
        var embedded = model.Network.Vision.EmbedPatches(ScenePictures.Pixels(TrainingScenes.Draw(ClipTraining.Options.Seed, 0, Scenes), captioner.Network.Sizes.Vision.Side));
        to[$"{vision}.pre_layrnorm.weight"].fill_(embedded.std(2).mean().item<float>());
        to[$"{vision}.pre_layrnorm.bias"].fill_(embedded.mean().item<float>());
        foreach (var (name, value) in from.Where(one => one.Key.StartsWith("captioner.encoder.encoder.layer.", StringComparison.Ordinal)))
            to[Rename(name)].copy_(value);
        foreach (var part in new[] { "weight", "bias" })
        {
            to[$"{vision}.post_layernorm.{part}"].copy_(from[$"captioner.encoder.layernorm.{part}"]);
            to[$"heads.patch.{part}"].copy_(from[$"heads.patch.{part}"]);
        }
    }

    private static string Rename(string name) => name
        .Replace("captioner.encoder.encoder.layer.", "clip.vision_model.encoder.layers.", StringComparison.Ordinal)
        .Replace("layernorm_before", "layer_norm1", StringComparison.Ordinal)
        .Replace("layernorm_after", "layer_norm2", StringComparison.Ordinal)
        .Replace("attention.attention.query", "self_attn.q_proj", StringComparison.Ordinal)
        .Replace("attention.attention.key", "self_attn.k_proj", StringComparison.Ordinal)
        .Replace("attention.attention.value", "self_attn.v_proj", StringComparison.Ordinal)
        .Replace("attention.output.dense", "self_attn.out_proj", StringComparison.Ordinal)
        .Replace("intermediate.dense", "mlp.fc1", StringComparison.Ordinal)
        .Replace("output.dense", "mlp.fc2", StringComparison.Ordinal);
}
