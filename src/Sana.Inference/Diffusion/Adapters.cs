using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Diffusion;

/// <summary>A low-rank adapter (LoRA) that images are made with.</summary>
/// <param name="Name">As the host that makes them knows it.</param>
/// <param name="Weight">What its effect is multiplied by, −100…100. Default 1.</param>
/// <param name="Sha256">Of its file, lower-case hex: the one that it must be. Null for whatever has the name.</param>
public sealed record AdapterUse(string Name, float Weight = 1, string? Sha256 = null);

/// <summary>The adapters that images are made with, one or more. Two of them are equal when they hold the same.</summary>
/// <param name="Items">In order; resolved, in the order of their hashes, so that the order in which they were named changes nothing.</param>
public sealed record AdapterUses(IReadOnlyList<AdapterUse> Items)
{
    private const float Most = 100;
    private const int MostAdapters = 16;

    /// <inheritdoc/>
    public bool Equals(AdapterUses? other) => other is not null && Items.SequenceEqual(other.Items);

    /// <inheritdoc/>
    public override int GetHashCode() => Items.Aggregate(Items.Count, HashCode.Combine);

    /// <summary>The same with hashes, sorted; null for none.</summary>
    /// <param name="known">Hash of each adapter by its name.</param>
    /// <exception cref="InferenceException">One is not known, is another file, is there twice, or has no weight in the range.</exception>
    internal AdapterUses? Resolve(IReadOnlyDictionary<string, string> known)
    {
        if (Items.Count > MostAdapters)
            throw new InferenceException($"Lora takes at most {MostAdapters} adapters at once, and {Items.Count} are named.");
        AdapterUse[] resolved = [.. Items.Select(use => Resolve(use, known)).OrderBy(use => use.Sha256, StringComparer.Ordinal)];
        return resolved.GroupBy(use => use.Sha256).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new InferenceException($"Lora {string.Join(" and ", twice.Select(use => $"'{use.Name}'"))} are the same file; name it once, with the sum of the weights.")
            : resolved.Length == 0 ? null : new AdapterUses(resolved);
    }

    private static AdapterUse Resolve(AdapterUse use, IReadOnlyDictionary<string, string> known)
    {
        if (!(Math.Abs(use.Weight) <= Most))
            throw new InferenceException(FormattableString.Invariant($"Lora '{use.Name}' has the weight {use.Weight}, which is not a number in -{Most}…{Most}; use 1."));
        if (!known.TryGetValue(use.Name, out var sha256))
            throw new InferenceException($"Lora '{(use.Name.Length > 80 ? use.Name[..80] + "…" : use.Name)}' is not known here; {(known.Count == 0 ? "there are none" : $"known are {string.Join(", ", known.Keys.Order(StringComparer.Ordinal))}")}.");
        return use.Sha256 is null || use.Sha256 == sha256
            ? use with { Sha256 = sha256 }
            : throw new InferenceException($"Lora '{use.Name}' is another file here (SHA-256 {sha256[..12]}…) than the one that is asked for ({use.Sha256[..Math.Min(12, use.Sha256.Length)]}…); bring that file, or ask anew.");
    }
}

/// <summary>An adapter that a pipeline can use.</summary>
/// <param name="Name">How it is asked for.</param>
/// <param name="Sha256">Of its file, lower-case hex.</param>
/// <param name="Read">Reads its layers; called when it is used and was not in the batch before.</param>
public sealed record Adapter(string Name, string Sha256, Func<IReadOnlyList<AdapterLayer>> Read);

/// <summary>What an adapter does to one layer: its output gains scale · ((x · A) · B + bias).</summary>
/// <param name="Layer">The layer's name in the checkpoint.</param>
/// <param name="Rank">Columns of A and rows of B, 1 or more.</param>
/// <param name="Scale">Of the product.</param>
/// <param name="A">[in, rank], row-major.</param>
/// <param name="B">[rank, out], row-major.</param>
/// <param name="Bias">[out], or null.</param>
public sealed record AdapterLayer(string Layer, int Rank, double Scale, float[] A, float[] B, float[]? Bias);

/// <summary>
/// Adapters as inputs of the transformer's graphs: for each layer the matrices of all of them side by side, so that several cost no more nodes than one. Scale and weight are in B.
/// </summary>
internal sealed class AdapterInputs : IDisposable
{
    private readonly List<(string Name, OrtValue Value)> _values = [];

    public AdapterInputs(IEnumerable<(AdapterUse Use, IReadOnlyList<AdapterLayer> Layers)> adapters)
    {
        var parts = adapters.SelectMany(adapter => adapter.Layers.Select(layer => (Layer: layer, Factor: (float)(layer.Scale * adapter.Use.Weight))));
        foreach (var layer in parts.GroupBy(part => part.Layer.Layer))
            Add(layer.Key, [.. layer]);
    }

    public IReadOnlyList<(string Name, OrtValue Value)> Values => _values;

    public void Dispose() => _values.ForEach(value => value.Value.Dispose());

    private void Add(string name, (AdapterLayer Layer, float Factor)[] parts)
    {
        var rank = parts.Sum(part => part.Layer.Rank);
        int from = parts[0].Layer.A.Length / parts[0].Layer.Rank, to = parts[0].Layer.B.Length / parts[0].Layer.Rank;
        var (a, b, bias) = (new float[from * rank], new float[rank * to], new float[to]);
        var first = 0;
        foreach (var (layer, factor) in parts)
        {
            for (var row = 0; row < from; row++)
                layer.A.AsSpan(row * layer.Rank, layer.Rank).CopyTo(a.AsSpan((row * rank) + first));
            for (var i = 0; i < layer.B.Length; i++)
                b[(first * to) + i] = layer.B[i] * factor;
            for (var i = 0; i < layer.Bias?.Length; i++)
                bias[i] += layer.Bias[i] * factor;
            first += layer.Rank;
        }

        _values.Add(($"{name}.lora_A", OrtValue.CreateTensorValueFromMemory(a, [from, rank])));
        _values.Add(($"{name}.lora_B", OrtValue.CreateTensorValueFromMemory(b, [rank, to])));
        if (Array.Exists(parts, part => part.Layer.Bias is not null))
            _values.Add(($"{name}.lora_B.bias", OrtValue.CreateTensorValueFromMemory(bias, [to])));
    }
}

/// <summary>The adapters of a pipeline. The inputs of the last combination are kept: the images of a run mostly have the same.</summary>
internal sealed class AdapterShelf(IReadOnlyList<Adapter> adapters) : IDisposable
{
    private AdapterUses? _uses;
    private AdapterInputs? _inputs;

    /// <summary>Hash by name.</summary>
    public IReadOnlyDictionary<string, string> Hashes { get; } = adapters.ToDictionary(adapter => adapter.Name, adapter => adapter.Sha256, StringComparer.Ordinal);

    /// <summary>The inputs of a combination, null for none. They belong to the shelf.</summary>
    /// <param name="uses">Resolved.</param>
    public AdapterInputs? Inputs(AdapterUses? uses)
    {
        if (uses is null)
            return null;
        if (uses == _uses && _inputs is not null)
            return _inputs;
        var inputs = new AdapterInputs(uses.Items.Select(use => (use, adapters.First(adapter => adapter.Name == use.Name).Read())));
        _inputs?.Dispose();
        (_uses, _inputs) = (uses, inputs);
        return inputs;
    }

    public void Dispose() => _inputs?.Dispose();
}
