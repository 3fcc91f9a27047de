using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>What each step of a transformer or a control network needs of the prompts: every block's keys and values, and which tokens count.</summary>
internal sealed class Conditioning : IDisposable
{
    /// <summary>The input of the graph that computes it.</summary>
    public const string Text = "encoder_hidden_states";

    private readonly IReadOnlyList<string> _names;
    private readonly IDisposableReadOnlyCollection<OrtValue> _values;

    private Conditioning(OrtValue mask, IReadOnlyList<string> names, IDisposableReadOnlyCollection<OrtValue> values, AdapterInputs? adapters) =>
        (Mask, _names, _values, Adapters) = (mask, names, values, adapters);

    /// <summary>The adapters of every evaluation with it; null for none.</summary>
    public AdapterInputs? Adapters { get; }

    /// <summary>[samples, tokens], int64: 1 for text tokens that count.</summary>
    public OrtValue Mask { get; }

    public IEnumerable<(string Name, OrtValue Value)> KeyValues => _names.Zip(_values);

    /// <summary>Computes that of a batch. The caller disposes it.</summary>
    /// <param name="graph">Its outputs are the keys and values.</param>
    /// <param name="embeddings">One for each sample, [tokens, channels], of any lengths.</param>
    /// <param name="adapters">Null for none. They must live as long.</param>
    /// <param name="taken">Those of the adapters' inputs that the graph takes.</param>
    /// <param name="cancellationToken">Stops between two nodes of the graph.</param>
    public static Conditioning Of(OnnxModel graph, IReadOnlyList<FloatTensor> embeddings, AdapterInputs? adapters, IEnumerable<(string, OrtValue)> taken, CancellationToken cancellationToken)
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
        var keyValues = graph.Run([(Text, input), .. taken], [.. graph.Outputs], cancellationToken);
        return new Conditioning(OrtValue.CreateTensorValueFromMemory(mask, [samples, longest]), graph.Outputs, keyValues, adapters);
    }

    public void Dispose()
    {
        Mask.Dispose();
        _values.Dispose();
    }
}
