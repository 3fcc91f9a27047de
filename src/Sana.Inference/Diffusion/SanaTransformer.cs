using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>The diffusion transformer (diffusers' SanaTransformer2DModel): text embeddings to conditioning, once a prompt; latents to velocity, once a step.</summary>
internal sealed class SanaTransformer : IDisposable
{
    private const string Latents = "hidden_states";
    private const string Text = "encoder_hidden_states";
    private const string Mask = "encoder_attention_mask";
    private const string Time = "timestep";
    private const string Guidance = "guidance";
    private const string Velocity = "out_hidden_states";

    private readonly OnnxModel _conditioning;
    private readonly OnnxModel _denoiser;

    internal SanaTransformer(OnnxModel conditioning, OnnxModel denoiser) => (_conditioning, _denoiser) = (conditioning, denoiser);

    public GraphMetadata Metadata => _denoiser.Metadata;

    /// <summary>Whether the network takes the guidance scale as an input (Sprint) instead of a second half of the batch.</summary>
    public bool EmbedsGuidance => _denoiser.Inputs.Contains(Guidance);

    /// <summary>Channels of the latents.</summary>
    public int Channels => _denoiser.ShapeOf(Latents)[1];

    public static SanaTransformer Load(string conditioningFile, string denoiserFile, OnnxModelOptions options)
    {
        var conditioning = OnnxModel.Load(conditioningFile, options with { KeepMemory = false }, Text);
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
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public Conditioning Condition(IReadOnlyList<FloatTensor> embeddings, CancellationToken cancellationToken = default)
    {
        var (samples, channels) = (embeddings.Count, embeddings[0].Shape[1]);
        var longest = embeddings.Max(e => e.Shape[0]);
        var padded = FloatTensor.Zeros(samples, longest, channels);
        var mask = new long[samples * longest];
        for (var i = 0; i < samples; i++)
        {
            embeddings[i].Data.CopyTo(padded.Data.AsSpan((int)(i * longest * channels)));
            mask.AsSpan((int)(i * longest), (int)embeddings[i].Shape[0]).Fill(1);
        }

        using var input = padded.ToOrtValue();
        var keyValues = _conditioning.Run([(Text, input)], [.. _conditioning.Outputs], cancellationToken);
        return new Conditioning(OrtValue.CreateTensorValueFromMemory(mask, [samples, longest]), _conditioning.Outputs, keyValues);
    }

    /// <summary>Latents [samples, channels, height, width] at a timestep to the velocity of the same shape.</summary>
    /// <param name="conditioning">Of as many samples.</param>
    /// <param name="latents">The state to evaluate.</param>
    /// <param name="timestep">As the solver gives it: 0…1000, or 0…1 for Sprint.</param>
    /// <param name="guidance">The embedded guidance, for networks that take one.</param>
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public FloatTensor Evaluate(Conditioning conditioning, FloatTensor latents, float timestep, float guidance, CancellationToken cancellationToken = default)
    {
        using var input = latents.ToOrtValue();
        using var time = Repeated(timestep, latents.Shape[0]);
        using var scale = Repeated(guidance, latents.Shape[0]);
        List<(string, OrtValue)> inputs = [(Latents, input), (Time, time), (Mask, conditioning.Mask), .. conditioning.KeyValues];
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

    private static OrtValue Repeated(float value, long count)
    {
        var values = new float[count];
        Array.Fill(values, value);
        return OrtValue.CreateTensorValueFromMemory(values, [count]);
    }

    /// <summary>What each step needs of the prompts: every block's keys and values, and which tokens count.</summary>
    internal sealed class Conditioning(OrtValue mask, IReadOnlyList<string> names, IDisposableReadOnlyCollection<OrtValue> values) : IDisposable
    {
        public OrtValue Mask => mask;

        public IEnumerable<(string Name, OrtValue Value)> KeyValues => names.Zip(values);

        public void Dispose()
        {
            mask.Dispose();
            values.Dispose();
        }
    }
}
