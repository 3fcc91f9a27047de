using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sana.Inference.Runtime;

namespace Sana.Inference.Text;

/// <summary>
/// Token ids to hidden states. The network is causal, so the keys and values of a constant prefix (the instruction) are computed once, and each prompt costs its own tokens only, without padding.
/// </summary>
internal sealed class TextEncoder : IDisposable
{
    private const string Ids = "input_ids";
    private const string Hidden = "last_hidden_state";

    private readonly OnnxModel _network;
    private readonly string[] _past;
    private readonly string[] _present;
    private readonly Prefix _nothing;

    internal TextEncoder(OnnxModel network)
    {
        _network = network;
        _past = [.. network.Inputs.Where(name => name != Ids)]; // past_key_values.0.key, …
        _present = [.. _past.Select(name => name.Replace("past_key_values", "present", StringComparison.Ordinal))];
        _nothing = new Prefix([], FloatTensor.Zeros(0, 0), [.. _past.Select(name => Empty(network.ShapeOf(name)))]);
    }

    /// <summary>Rows of the embedding table: ids must be below this.</summary>
    public int VocabularySize => (int)_network.Metadata.Number("vocab_size");

    public static TextEncoder Load(string file, OnnxModelOptions options) =>
        new(OnnxModel.Load(file, options, Ids, Hidden, "past_key_values.0.key", "past_key_values.0.value", "present.0.key", "present.0.value"));

    /// <summary>Hidden states [tokens, width] of ids that nothing precedes.</summary>
    public FloatTensor Encode(ReadOnlySpan<int> ids, CancellationToken cancellationToken = default) => Encode(_nothing, ids, cancellationToken);

    /// <summary>What a module of the network gives for ids that nothing precedes, where the graph exposes it.</summary>
    internal FloatTensor Encode(ReadOnlySpan<int> ids, string module, CancellationToken cancellationToken)
    {
        using var outputs = Run(_nothing, ids, [module], cancellationToken);
        return WithoutBatch(outputs[0]);
    }

    /// <summary>Hidden states [tokens, width] of ids that follow a prefix.</summary>
    public FloatTensor Encode(Prefix prefix, ReadOnlySpan<int> ids, CancellationToken cancellationToken = default)
    {
        using var outputs = Run(prefix, ids, [Hidden], cancellationToken);
        return WithoutBatch(outputs[0]);
    }

    /// <summary>Runs a prefix once and keeps its keys and values. The caller disposes it.</summary>
    public Prefix Remember(ReadOnlySpan<int> ids, CancellationToken cancellationToken = default)
    {
        using var run = Continue(null, ids, cancellationToken);
        return run with { KeyValues = [.. run.KeyValues.Select(Copy)] };
    }

    /// <summary>Runs ids after a prefix, or after nothing, and keeps the keys and values of both as the network gave them. The caller disposes it, and the prefix too.</summary>
    public Prefix Continue(Prefix? prefix, ReadOnlySpan<int> ids, CancellationToken cancellationToken)
    {
        prefix ??= _nothing;
        OrtValue[] outputs = [.. Run(prefix, ids, [Hidden, .. _present], cancellationToken)];
        using var hidden = outputs[0];
        return new Prefix([.. prefix.Ids, .. ids], WithoutBatch(hidden), outputs[1..]);
    }

    public void Dispose()
    {
        _nothing.Dispose();
        _network.Dispose();
    }

    private IDisposableReadOnlyCollection<OrtValue> Run(Prefix prefix, ReadOnlySpan<int> ids, string[] outputs, CancellationToken cancellationToken)
    {
        var wide = new long[ids.Length];
        for (var i = 0; i < ids.Length; i++)
            wide[i] = ids[i];

        using var input = OrtValue.CreateTensorValueFromMemory(wide, [1, wide.Length]);
        return _network.Run([(Ids, input), .. _past.Zip(prefix.KeyValues)], outputs, cancellationToken);
    }

    private static FloatTensor WithoutBatch(OrtValue hidden)
    {
        var tensor = FloatTensor.From(hidden);
        return new FloatTensor(tensor.Data, tensor.Shape[1], tensor.Shape[2]);
    }

    private static OrtValue Empty(int[] shape) =>
        OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [1, shape[1], 0, shape[3]]);

    private static OrtValue Copy(OrtValue value) => FloatTensor.From(value).ToOrtValue();

    /// <summary>Tokens that were run once: their ids, the hidden states [tokens, width] of those that were run last, and the keys and values of every layer.</summary>
    internal sealed record Prefix(int[] Ids, FloatTensor Hidden, OrtValue[] KeyValues) : IDisposable
    {
        public void Dispose()
        {
            foreach (var value in KeyValues)
                value.Dispose();
        }
    }
}
