using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>The diffusion transformer (diffusers' SanaTransformer2DModel): text embeddings to conditioning, once a prompt; latents to velocity, once a step.</summary>
internal sealed class SanaTransformer : IDisposable
{
    private const string Latents = "hidden_states";
    private const string Mask = "encoder_attention_mask";
    private const string Time = "timestep";
    private const string Guidance = "guidance";
    private const string Velocity = "out_hidden_states";

    private readonly OnnxModel _conditioning;
    private readonly OnnxModel _denoiser;
    private readonly HashSet<string> _optionalOfConditioning;
    private readonly HashSet<string> _optional;

    internal SanaTransformer(OnnxModel conditioning, OnnxModel denoiser)
    {
        (_conditioning, _denoiser) = (conditioning, denoiser);
        (_optionalOfConditioning, _optional) = ([.. conditioning.Optional], [.. denoiser.Optional]);
    }

    public GraphMetadata Metadata => _denoiser.Metadata;

    /// <summary>Whether the network takes the guidance scale as an input (Sprint) instead of a second half of the batch.</summary>
    public bool EmbedsGuidance => _denoiser.Inputs.Contains(Guidance);

    /// <summary>Whether it takes adapters, perturbed attention and what control networks add.</summary>
    public bool IsExtended => _optional.Count > 0;

    /// <summary>Channels of the latents.</summary>
    public int Channels => _denoiser.ShapeOf(Latents)[1];

    public static SanaTransformer Load(string conditioningFile, string denoiserFile, OnnxModelOptions options)
    {
        var conditioning = OnnxModel.Load(conditioningFile, options with { KeepMemory = false }, Conditioning.Text);
        try
        {
            return new SanaTransformer(conditioning, OnnxModel.Load(denoiserFile, options, [Latents, Mask, Time, Velocity, .. conditioning.Outputs]));
        }
        catch
        {
            conditioning.Dispose();
            throw;
        }
    }

    /// <summary>Computes the conditioning of a batch. The caller disposes it.</summary>
    /// <param name="embeddings">One for each sample, [tokens, channels], of any lengths.</param>
    /// <param name="adapters">Null for none. They are those of every evaluation with the conditioning, and must live as long.</param>
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public Conditioning Condition(IReadOnlyList<FloatTensor> embeddings, AdapterInputs? adapters = null, CancellationToken cancellationToken = default)
    {
        if (adapters?.Values.FirstOrDefault(value => !_optional.Contains(value.Name) && !_optionalOfConditioning.Contains(value.Name)) is { Name: { } unknown })
            throw new InferenceException($"The transformer takes no {unknown}: the adapter is for another checkpoint.");

        return Conditioning.Of(_conditioning, embeddings, adapters, Of(adapters, _optionalOfConditioning), cancellationToken);
    }

    /// <summary>Latents [samples, channels, height, width] at a timestep to the velocity of the same shape.</summary>
    /// <param name="conditioning">Of as many samples.</param>
    /// <param name="latents">The state to evaluate.</param>
    /// <param name="timestep">As the solver gives it: 0…1000, or 0…1 for Sprint.</param>
    /// <param name="guidance">The embedded guidance, for networks that take one.</param>
    /// <param name="perturbed">With perturbed attention: then the velocities of the perturbed samples stand at the end. Null without.</param>
    /// <param name="residuals">What a control network adds; null for none.</param>
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public FloatTensor Evaluate(
        Conditioning conditioning, FloatTensor latents, float timestep, float guidance, PerturbedInputs? perturbed = null, ControlResiduals? residuals = null, CancellationToken cancellationToken = default)
    {
        if (residuals?.Values.FirstOrDefault(value => !_optional.Contains(value.Name)) is { Name: { } unknown })
            throw new InferenceException($"The transformer takes no {unknown}: its graphs were not built for this program. Run `sana build --force` on the checkpoint.");

        using var input = latents.ToOrtValue();
        using var time = Repeated(timestep, latents.Shape[0]);
        using var scale = Repeated(guidance, latents.Shape[0]);
        List<(string, OrtValue)> inputs = [(Latents, input), (Time, time), (Mask, conditioning.Mask), .. conditioning.KeyValues, .. Of(conditioning.Adapters, _optional), .. perturbed?.Values ?? [], .. residuals?.Values ?? []];
        if (EmbedsGuidance)
            inputs.Add((Guidance, scale));

        using var outputs = _denoiser.Run(inputs, [Velocity], cancellationToken);
        return FloatTensor.From(outputs[0]);
    }

    public void Dispose()
    {
        _conditioning.Dispose();
        _denoiser.Dispose();
    }

    // Some layers are in one graph and some in the other.
    private static IEnumerable<(string, OrtValue)> Of(AdapterInputs? adapters, HashSet<string> taken) => adapters?.Values.Where(value => taken.Contains(value.Name)) ?? [];

    internal static OrtValue Repeated(float value, long count)
    {
        var values = new float[count];
        Array.Fill(values, value);
        return OrtValue.CreateTensorValueFromMemory(values, [count]);
    }
}
