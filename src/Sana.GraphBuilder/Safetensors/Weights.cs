using System.Diagnostics.CodeAnalysis;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>The tensors of one network by name, over one file or all shards of an index. Nothing but headers is read.</summary>
internal sealed class Weights
{
    private readonly Dictionary<string, TensorEntry> _entries;

    private Weights(string source, IReadOnlyList<WeightFile> files, Dictionary<string, TensorEntry> entries)
    {
        Source = source;
        Files = files;
        _entries = entries;
    }

    /// <summary>Full path of the .safetensors file, or of the index when the weights are sharded.</summary>
    public string Source { get; }

    /// <summary>The files that hold the tensors, in the order of their names.</summary>
    public IReadOnlyList<WeightFile> Files { get; }

    public int Count => _entries.Count;

    public IReadOnlyCollection<TensorEntry> Entries => _entries.Values;

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="CheckpointException">There is none.</exception>
    public TensorEntry this[string name] => _entries.TryGetValue(name, out var entry)
        ? entry
        : throw new CheckpointException($"{Source} has no tensor {Quoted.Text(name)}; fetch the whole checkpoint, or use the config.json that belongs to it.");

    public bool TryGet(string name, [MaybeNullWhen(false)] out TensorEntry entry) => _entries.TryGetValue(name, out entry);

    /// <summary>Opens <c>stem[.variant].safetensors</c> or its shards.</summary>
    /// <param name="folder">Folder of one network: <c>transformer</c>, <c>text_encoder</c>, <c>vae</c> or a CLIP checkpoint.</param>
    /// <param name="stem"><c>diffusion_pytorch_model</c> or <c>model</c>.</param>
    /// <param name="variant">As in <c>fp16</c>; null takes the plain set, or else the only variant that is there.</param>
    /// <exception cref="CheckpointException">Nothing fits, or a file is damaged.</exception>
    public static Weights Open(string folder, string stem, string? variant = null) => OpenFile(WeightVariants.Choose(folder, stem, variant));

    /// <summary>Opens one .safetensors file, or an index with its shards.</summary>
    public static Weights OpenFile(string path)
    {
        var source = Path.GetFullPath(path);
        long budget = SafetensorsHeader.MaxBytes;
        if (WeightVariants.IsIndex(source))
            return OpenShards(source, budget);

        var (file, entries) = SafetensorsHeader.Read(source, ref budget);
        return new Weights(source, [file], entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal));
    }

    /// <summary>
    /// The same tensors with a leading <paramref name="prefix"/> taken off their names: a Gemma2ForCausalLM file says <c>model.norm.weight</c>
    /// where Gemma2Model says <c>norm.weight</c>. Names without the prefix stay.
    /// </summary>
    public Weights WithPrefixRemoved(string prefix)
    {
        var entries = new Dictionary<string, TensorEntry>(_entries.Count, StringComparer.Ordinal);
        foreach (var entry in _entries.Values)
        {
            var name = entry.Name.StartsWith(prefix, StringComparison.Ordinal) ? entry.Name[prefix.Length..] : entry.Name;
            if (!entries.TryAdd(name, entry with { Name = name }))
                throw new CheckpointException($"{Source} has {Quoted.Text(name)} both with and without the prefix {Quoted.Text(prefix)}; keep one of them.");
        }

        return new Weights(Source, Files, entries);
    }

    private static Weights OpenShards(string index, long budget)
    {
        var map = ShardIndex.Read(index);
        var folder = Path.GetDirectoryName(index)!;
        var files = new List<WeightFile>();
        var entries = new Dictionary<string, TensorEntry>(map.Count, StringComparer.Ordinal);
        foreach (var shard in map.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var (file, tensors) = SafetensorsHeader.Read(Path.Combine(folder, shard), ref budget);
            files.Add(file);
            // The index decides: a tensor that it places elsewhere, or not at all, is left over from another save.
            foreach (var tensor in tensors)
            {
                if (map.TryGetValue(tensor.Name, out var place) && place == shard)
                    entries.Add(tensor.Name, tensor);
            }
        }

        foreach (var (name, shard) in map)
        {
            if (!entries.ContainsKey(name))
                throw new CheckpointException($"{index} places tensor {Quoted.Text(name)} in {shard}, which does not hold it; fetch that file again.");
        }

        return new Weights(index, files, entries);
    }
}
