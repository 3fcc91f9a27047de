using System.Numerics.Tensors;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>Steps 4 to 6 of the pipeline: embeddings and noise to latents. The loops are here, the formulas in the solvers.</summary>
internal sealed class Denoising(
    CheckpointFacts facts, GenerateOptions options, NoiseSource noise, StepObserver? observe, Func<FloatTensor, IReadOnlyList<RgbImage?>> decode, IProgress<GenerateProgress>? progress,
    CancellationToken cancellationToken)
{
    /// <summary>
    /// Latents [b, channels, height / cell, width / cell]. With guidance there are two embeddings for each sample: all negative prompts, then all prompts. Where they begin from a picture, the steps
    /// that its strength leaves out are not made.
    /// </summary>
    public FloatTensor Run(SanaTransformer transformer, FloatTensor[] embeddings, AdapterInputs? adapters, Start? start, ControlInputs? control, int height, int width)
    {
        // 4. Embeddings -> keys and values of every block's cross-attention: once, not once a step
        using var conditioning = transformer.Condition(embeddings, adapters, cancellationToken);
        using var ofControl = control?.Network.Condition(embeddings, cancellationToken);

        // 5. Noise [b, channels, height / cell, width / cell]
        var initial = noise(LatentNoise.InitialStream, height, width);

        // 6. Denoise
        return transformer.EmbedsGuidance
            ? Consistency(transformer, initial, start, conditioning, step => noise(1 + step, height, width))
            : Flow(transformer, initial, start, control, conditioning, ofControl);
    }

    // Flow matching. Classifier-free guidance evaluates both halves as one batch.
    private FloatTensor Flow(SanaTransformer transformer, FloatTensor initial, Start? start, ControlInputs? control, Conditioning conditioning, Conditioning? ofControl)
    {
        var steps = options.Steps!.Value;
        ISolver solver = options.Solver == SolverKind.FlowEuler ? new FlowEuler(steps, facts.FlowShift) : new FlowDpmSolver(steps, facts.FlowShift);
        var first = options.StartImage?.FirstStep(steps) ?? 0;
        var latents = start?.At(initial, At(solver.Sigmas[first])) ?? initial;
        var guided = options.Guidance > 1;
        using var perturbed = options.Pag is { } pag ? new PerturbedInputs(pag.Layers, facts.Blocks, (guided ? 2 : 1) * latents.Shape[0], latents.Shape[0]) : null;
        var picture = control is null || !guided ? control?.Latents : Twice(control.Latents);
        for (var step = first; step < steps; step++)
        {
            var input = guided ? Twice(latents) : latents;
            var away = options.Pag?.At(solver.Timesteps[step]) ?? 0;
            var copies = away > 0 ? perturbed : null;
            using var residuals = control?.Network.Evaluate(ofControl!, input, picture!.Value, solver.Timesteps[step], control.Scale, copies, cancellationToken);
            var velocity = transformer.Evaluate(conditioning, input, solver.Timesteps[step], 0, copies, residuals, cancellationToken);
            velocity = Guide(velocity, latents.Shape, guided ? options.Guidance : 1, away);
            solver.Step(step, latents.Data, velocity.Data);
            var sigma = solver.Sigmas[step + 1];
            start?.Keep(latents, initial, At(sigma));
            Report(step - first, steps - first, velocity, latents, sigma > 0 ? () => decode(Clean(latents, velocity, sigma)) : null);
        }

        return latents;

        static Start.Mix At(float sigma) => (clean, noise, state) => FlowPath.Mix(sigma, clean, noise, state);
    }

    // Sprint: the guidance is an input of the network, and each step adds fresh noise.
    private FloatTensor Consistency(SanaTransformer transformer, FloatTensor initial, Start? start, Conditioning conditioning, Func<int, FloatTensor> fresh)
    {
        var solver = new ScmSolver(options.Steps!.Value, facts.SigmaData);
        var first = options.StartImage?.FirstStep(solver.Steps) ?? 0;
        var scaled = FloatTensor.Zeros(initial.Shape);
        var latents = start?.At(initial, At(first)) ?? initial;
        if (start is null)
            solver.ScaleNoise(latents.Data);
        for (var step = first; step < solver.Steps; step++)
        {
            solver.ScaleInput(step, latents.Data, scaled.Data);
            var velocity = transformer.Evaluate(conditioning, scaled, solver.Tau(step), options.Guidance * facts.GuidanceScale, perturbed: null, residuals: null, cancellationToken);
            solver.Velocity(step, scaled.Data, velocity.Data, velocity.Data);
            solver.Step(step, latents.Data, velocity.Data, step < solver.Steps - 1 ? fresh(step - first).Data : []);
            start?.Keep(latents, initial, At(step + 1));
            Report(step - first, solver.Steps - first, velocity, latents, preview: null);
        }

        solver.Unscale(latents.Data);
        return latents;

        Start.Mix At(int step) => (clean, noise, state) => solver.Mix(step, clean, noise, state);
    }

    private void Report(int step, int steps, FloatTensor velocity, FloatTensor latents, Func<IReadOnlyList<RgbImage?>>? preview)
    {
        observe?.Invoke(step, velocity, latents);
        progress?.Report(new GenerateProgress("denoise", step + 1, steps) { Preview = preview });
    }

    // Where the path x = (1 − σ)·x₀ + σ·noise leads by the newest velocity: x₀ = x − σ·v.
    private static FloatTensor Clean(FloatTensor latents, FloatTensor velocity, float sigma)
    {
        var clean = FloatTensor.Zeros(latents.Shape);
        TensorPrimitives.MultiplyAdd(velocity.Data, -sigma, latents.Data, clean.Data);
        return clean;
    }

    private static FloatTensor Twice(FloatTensor x) => new([.. x.Data, .. x.Data], [2 * x.Shape[0], .. x.Shape[1..]]);

    // v = v₋ + g · (v₊ − v₋) + p · (v₊ − v_p): first the negative part, if there is one, then the prompts', then the perturbed one, if there is one.
    private static FloatTensor Guide(FloatTensor parts, long[] shape, float guidance, float away)
    {
        var length = (int)shape.Aggregate(1L, (product, size) => product * size);
        var count = parts.Data.Length / length;
        if (count == 1)
            return parts;
        var isPerturbed = away > 0;
        var with = parts.Data.AsSpan((isPerturbed ? count - 2 : count - 1) * length, length);
        var guided = FloatTensor.Zeros(shape);
        with.CopyTo(guided.Data);
        if (count - (isPerturbed ? 1 : 0) == 2)
        {
            var without = parts.Data.AsSpan(0, length);
            TensorPrimitives.Subtract(with, without, guided.Data);
            TensorPrimitives.Multiply(guided.Data, guidance, guided.Data);
            TensorPrimitives.Add(without, guided.Data, guided.Data);
        }

        if (!isPerturbed)
            return guided;
        var difference = new float[length];
        TensorPrimitives.Subtract(with, parts.Data.AsSpan((count - 1) * length, length), difference);
        TensorPrimitives.MultiplyAdd(difference, away, guided.Data, guided.Data);
        return guided;
    }
}

/// <summary>Standard normal noise for the whole batch, [b, channels, height / 32, width / 32]. Stream 0 is for the initial latents, stream 1 + n for step n.</summary>
internal delegate FloatTensor NoiseSource(int stream, int height, int width);

/// <summary>Gets the guided velocity and the new latents after each step. Both arrays are reused afterwards.</summary>
internal delegate void StepObserver(int step, FloatTensor velocity, FloatTensor latents);
