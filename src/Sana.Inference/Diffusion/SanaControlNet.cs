using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>
/// A control network (diffusers' SanaControlNetModel): text embeddings to its own conditioning, once a prompt; latents and those of the control image to what is added to the transformer's
/// stream, once a step.
/// </summary>
internal sealed class SanaControlNet(OnnxModel conditioning, OnnxModel network) : IDisposable
{
    private const string Latents = "hidden_states";
    private const string Control = "controlnet_cond";
    private const string Scale = "conditioning_scale";
    private const string Mask = "encoder_attention_mask";
    private const string Time = "timestep";

    public static SanaControlNet Load(string conditioningFile, string networkFile, OnnxModelOptions options)
    {
        var conditioning = OnnxModel.Load(conditioningFile, options with { KeepMemory = false }, Conditioning.Text);
        try
        {
            return new SanaControlNet(conditioning, OnnxModel.Load(networkFile, options, [Latents, Control, Scale, Mask, Time, Residual(0), .. conditioning.Outputs]));
        }
        catch
        {
            conditioning.Dispose();
            throw;
        }
    }

    /// <summary>What it adds after the transformer's block <paramref name="block"/> + 1 is called.</summary>
    public static string Residual(int block) => FormattableString.Invariant($"controlnet_block_samples.{block}");

    /// <summary>Computes the conditioning of a batch. The caller disposes it.</summary>
    public Conditioning Condition(IReadOnlyList<FloatTensor> embeddings, CancellationToken cancellationToken) => Conditioning.Of(conditioning, embeddings, adapters: null, [], cancellationToken);

    /// <summary>What is added to the transformer at a timestep, [samples, tokens, width] for each of its blocks, as inputs of the transformer. The caller disposes it.</summary>
    /// <param name="text">Of as many samples as the latents, from <see cref="Condition"/>.</param>
    /// <param name="latents">The state that the transformer evaluates, [samples, channels, height, width].</param>
    /// <param name="control">Of the control image, of the same shape.</param>
    /// <param name="timestep">As the solver gives it, 0…1000.</param>
    /// <param name="scale">What it is multiplied by.</param>
    /// <param name="perturbed">With perturbed attention: what is copied there is copied here. Null without.</param>
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public ControlResiduals Evaluate(Conditioning text, FloatTensor latents, FloatTensor control, float timestep, float scale, PerturbedInputs? perturbed, CancellationToken cancellationToken)
    {
        using var state = latents.ToOrtValue();
        using var image = control.ToOrtValue();
        using var time = SanaTransformer.Repeated(timestep, latents.Shape[0]);
        using var factor = SanaTransformer.Repeated(scale, 1);
        List<(string, OrtValue)> inputs = [(Latents, state), (Control, image), (Scale, factor), (Time, time), (Mask, text.Mask), .. text.KeyValues];
        return new ControlResiduals(network.Run(inputs, [.. network.Outputs], cancellationToken), network.Outputs, perturbed);
    }

    public void Dispose()
    {
        conditioning.Dispose();
        network.Dispose();
    }
}

/// <summary>What a control network adds in one evaluation. Where the transformer copies samples to perturb them, they get what the samples got that they are copies of.</summary>
internal sealed class ControlResiduals : IDisposable
{
    private readonly IDisposableReadOnlyCollection<OrtValue> _given;
    private readonly List<OrtValue> _copied = [];

    public ControlResiduals(IDisposableReadOnlyCollection<OrtValue> given, IReadOnlyList<string> names, PerturbedInputs? perturbed)
    {
        _given = given;
        Values = [.. names.Zip(given, (name, value) => (name, perturbed is not null && IsBehind(name, perturbed) ? WithCopies(value, perturbed.Copied) : value))];
    }

    public IReadOnlyList<(string Name, OrtValue Value)> Values { get; }

    public void Dispose()
    {
        _given.Dispose();
        _copied.ForEach(value => value.Dispose());
    }

    // What block j of the control network adds comes after block j + 1 of the transformer; copies are made before the first perturbed block.
    private static bool IsBehind(string name, PerturbedInputs perturbed) => int.Parse(name.AsSpan(name.LastIndexOf('.') + 1), null) + 1 >= perturbed.FirstBlock;

    private OrtValue WithCopies(OrtValue value, long count)
    {
        var given = FloatTensor.From(value);
        var copied = new FloatTensor([.. given.Data, .. given.Data.AsSpan((int)((given.Shape[0] - count) * given.Shape[1] * given.Shape[2]))], given.Shape[0] + count, given.Shape[1], given.Shape[2]).ToOrtValue();
        _copied.Add(copied);
        return copied;
    }
}
