using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>The tensors of one network by name, from one .safetensors file or from all shards of an index. Only headers are read.</summary>
internal sealed class SafetensorsWeights
{
    private readonly Dictionary<string, TensorEntry> _entries;

    private SafetensorsWeights(string source, IReadOnlyList<WeightFile> files, Dictionary<string, TensorEntry> entries)
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
    public static SafetensorsWeights Open(string folder, string stem, string? variant = null) => OpenFile(WeightVariants.Choose(folder, stem, variant));

    /// <summary>Opens one .safetensors file, or an index with its shards.</summary>
    public static SafetensorsWeights OpenFile(string path)
    {
        var source = Path.GetFullPath(path);
        long budget = SafetensorsHeader.MaxBytes;
        if (WeightVariants.IsIndex(source))
            return OpenShards(source, budget);

        var (file, entries) = SafetensorsHeader.Read(source, ref budget);
        return new SafetensorsWeights(source, [file], entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal));
    }

    /// <summary>
    /// The same tensors with a leading <paramref name="prefix"/> taken off their names: a Gemma2ForCausalLM file says <c>model.norm.weight</c>
    /// where Gemma2Model says <c>norm.weight</c>. Names without the prefix stay.
    /// </summary>
    public SafetensorsWeights WithPrefixRemoved(string prefix)
    {
        var entries = new Dictionary<string, TensorEntry>(_entries.Count, StringComparer.Ordinal);
        foreach (var entry in _entries.Values)
        {
            var name = entry.Name.StartsWith(prefix, StringComparison.Ordinal) ? entry.Name[prefix.Length..] : entry.Name;
            if (!entries.TryAdd(name, entry with { Name = name }))
                throw new CheckpointException($"{Source} has {Quoted.Text(name)} both with and without the prefix {Quoted.Text(prefix)}; keep one of them.");
        }

        return new SafetensorsWeights(Source, Files, entries);
    }

    private static SafetensorsWeights OpenShards(string index, long budget)
    {
        var map = ShardIndex.Read(index);
        var folder = Path.GetDirectoryName(index)!;
        var files = new List<WeightFile>();
        var entries = new Dictionary<string, TensorEntry>(map.Count, StringComparer.Ordinal);
        foreach (var shard in map.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var (file, tensors) = SafetensorsHeader.Read(Path.Combine(folder, shard), ref budget);
            files.Add(file);
            // A tensor that the index places in another shard, or nowhere, is left over from an earlier save.
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

        return new SafetensorsWeights(index, files, entries);
    }
}

/// <summary>One file of weights, with what shows cheaply whether it has changed.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Length">Bytes of the whole file.</param>
/// <param name="HeaderSha256">SHA-256 of the header in lower-case hex: names, types, shapes and offsets, not the weights.</param>
internal sealed record WeightFile(string Path, long Length, string HeaderSha256)
{
    /// <value>What the file's header says of it beside its tensors.</value>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}

/// <summary>The <c>*.safetensors.index.json</c> of a sharded checkpoint: tensor name → name of the shard beside it.</summary>
internal static class ShardIndex
{
    private const int MaxShards = 1_000;

    public static Dictionary<string, string> Read(string path)
    {
        var json = RegularFile.ReadAll(path, SafetensorsHeader.MaxBytes);
        if (!Utf8.IsValid(json))
            throw new CheckpointException($"{path} is not valid UTF-8; fetch it again.");

        Dictionary<string, string>? map = null;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new CheckpointException($"{path} is not a JSON object; fetch it again.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!reader.ValueTextEquals("weight_map"u8))
                    reader.Skip();
                else if (map is null)
                    map = ReadMap(ref reader, path);
                else
                    throw new CheckpointException($"{path} has 'weight_map' twice; fetch it again.");
            }

            reader.Read(); // only white space may follow: anything else throws here
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{path} is not the JSON of a shard index: {error.Message}", error);
        }

        return map ?? throw new CheckpointException($"{path} has no 'weight_map'; fetch it again.");
    }

    private static Dictionary<string, string> ReadMap(ref Utf8JsonReader reader, string path)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new CheckpointException($"'weight_map' of {path} is not an object; fetch it again.");

        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var shards = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var tensor = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String || reader.ValueSpan.Length > 255)
                throw new CheckpointException($"Tensor {Quoted.Text(tensor)} in {path} is not mapped to a file name.");

            var shard = reader.GetString()!;
            // The index may be hostile: it must not name files outside its folder.
            if (shard is "" or "." or ".." || shard.AsSpan().IndexOfAny("/\\:\0") >= 0)
                throw new CheckpointException($"Tensor {Quoted.Text(tensor)} in {path} is mapped to {Quoted.Text(shard)}, which is not a plain file name.");
            // Keep one string for each shard, not one for each tensor.
            if (!shards.TryGetValue(shard, out var known) && shards.Add(known = shard) && shards.Count > MaxShards)
                throw new CheckpointException($"{path} names more than {MaxShards} shards, the limit.");
            if (!map.TryAdd(tensor, known))
                throw new CheckpointException($"{path} maps {Quoted.Text(tensor)} twice; fetch it again.");
            if (map.Count > SafetensorsHeader.MaxTensors)
                throw new CheckpointException($"{path} maps more than {SafetensorsHeader.MaxTensors} tensors, the limit.");
        }

        return map;
    }
}
