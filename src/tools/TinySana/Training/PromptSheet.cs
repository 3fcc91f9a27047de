using System.Globalization;
using Sana.Inference.Diffusion;
using Sana.StillLife;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;
using TinySana.Networks;
using TinySana.Scenes;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Draws some prompts with a transformer in training, and judges what comes out.</summary>
internal sealed class PromptSheet(TrainingPromptEncoder prompts, FrozenAutoencoder autoencoder)
{
    private const double Guidance = 4.5;
    private const int SolverSteps = 20;

    private static readonly string[] SheetPrompts =
    [
        "a red circle", "a blue square", "a yellow star in the middle", "a large green heart on the left", "a purple moon at the top right", "a small black ring at the bottom left",
        "a red circle to the left of a blue square", "a green star above a pink heart", "a yellow moon below a purple cross", "a brown ring and a teal triangle",
        "two red stars", "three green circles", "four blue hearts", "three orange crosses", "a sign that says \"sun\" above a red heart", "a red circle, a green square and a blue star in a row",
    ];

    // Prompts with the evaluation's categories and held-out combinations, but another seed.
    private static readonly IReadOnlyList<EvaluationPrompt> EvaluatedPrompts = EvaluationPrompts.All(countEach: 16, seed: 77);

    /// <summary>Saves pictures of some prompts, and prints the share of correct pictures for each category of the evaluation and how many objects are blue.</summary>
    /// <param name="path">The PNG.</param>
    /// <param name="network">Makes the latents.</param>
    /// <param name="side">Side of a picture in pixels.</param>
    public void Save(string path, SanaTransformerModule network, int side)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var latents = Sample(network, [.. SheetPrompts, .. EvaluatedPrompts.Select(prompt => prompt.Text)], side / autoencoder.Compression);
        var pictures = ScenePictures.ToBytes(autoencoder.Decode(latents));
        ScenePictures.SaveSheet(path, pictures[..(2 * SheetPrompts.Length)], side, columns: 8);
        var shares = pictures[SheetPrompts.Length..].Zip(EvaluatedPrompts, (picture, prompt) => (prompt.Category, IsMet: prompt.IsMetBy(SceneAnalyser.Read(picture, side))))
            .GroupBy(one => one.Category, (category, all) => string.Create(CultureInfo.InvariantCulture, $"{category} {all.Average(one => one.IsMet ? 1.0 : 0.0):f2}"));
        var objects = pictures[SheetPrompts.Length..].SelectMany(picture => SceneAnalyser.Read(picture, side).Objects).ToArray();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(path)}: {string.Join(", ", shares)}, blue {objects.Count(one => one.Colour == Colour.Blue)} of {objects.Length} objects"));
    }

    // Makes latents [b, c, side, side] from prompts with the pipeline's solver and classifier-free guidance.
    private Tensor Sample(SanaTransformerModule network, string[] texts, int side)
    {
        using var scope = NewDisposeScope();
        var (text, mask) = prompts.Encode([.. texts.Select(_ => (string?)null), .. texts]);
        using var generator = new Generator(1);
        var latents = randn(texts.Length, autoencoder.Channels, side, side, generator: generator);
        var (values, solver) = (latents.data<float>().ToArray(), new FlowDpmSolver(SolverSteps, TransformerTraining.FlowShift));
        for (var step = 0; step < SolverSteps; step++)
        {
            using var inner = NewDisposeScope();
            var x = tensor(values, latents.shape);
            var velocity = network.Forward(cat([x, x]), full(2 * texts.Length, solver.Timesteps[step]), text, mask).Velocity.chunk(2);
            var guided = velocity[0] + (Guidance * (velocity[1] - velocity[0]));
            solver.Step(step, values, guided.contiguous().data<float>().ToArray());
        }

        return tensor(values, latents.shape).MoveToOuterDisposeScope();
    }
}
