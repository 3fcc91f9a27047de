namespace Sana.GraphBuilder.Safetensors;

/// <summary>
/// The sets of weights in a folder. A repository may hold the same network as <c>stem.safetensors</c> (the plain set, usually float32)
/// and as <c>stem.fp16.safetensors</c> or <c>stem.bf16.safetensors</c> (variants), each in one file or as shards with an index.
/// </summary>
internal static class WeightVariants
{
    public const string Plain = "";

    /// <summary>Variant name ("" for the plain set) → its file or index, in the order of the names.</summary>
    public static SortedDictionary<string, string> Find(string folder, string stem)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            // Single files last, so that they win over an index of the same variant.
            var files = Directory.EnumerateFileSystemEntries(folder, stem + ".*").Order(StringComparer.Ordinal).ToArray();
            foreach (var file in files.Where(IsIndex).Concat(files.Where(file => file.EndsWith(".safetensors", StringComparison.Ordinal))))
            {
                if (VariantOf(Path.GetFileName(file)[stem.Length..]) is { } variant)
                    found[variant] = Path.GetFullPath(file);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CheckpointException($"Folder {folder} cannot be read: {error.Message}", error);
        }

        return found;
    }

    /// <summary>The file or index of a variant; without one, of the plain set or else of the only variant.</summary>
    public static string Choose(string folder, string stem, string? variant)
    {
        var found = Find(folder, stem);
        if (found.TryGetValue(variant ?? Plain, out var file))
            return file;
        if (variant is null && found.Count == 1)
            return found.Values.First();

        if (found.Count == 0 && Pickled(NamesIn(folder)) is { } pickled)
        {
            throw new CheckpointException(
                $"{folder} has its weights as {Quoted.Text(pickled)} alone, a format that can run code and is not read; fetch {stem}.safetensors as well, or write it with the library's save_pretrained.");
        }

        var present = string.Join(", ", found.Select(set => Path.GetFileName(set.Value) + (set.Key == Plain ? "" : $" (--variant {set.Key})")));
        throw new CheckpointException(
            found.Count == 0 ? $"{folder} has no {stem}.safetensors, no variant of it and no index of shards; fetch the whole checkpoint."
            : variant is null ? $"{folder} has several sets of weights and none is the plain one: {present}; choose one with --variant."
            : $"{folder} has no weights of variant {Quoted.Text(variant)}; there is {present}.");
    }

    // PyTorch's own files: pytorch_model.bin, its shards, diffusion_pytorch_model.bin, checkpoints of training.
    public static string? Pickled(IEnumerable<string> names) => names
        .Where(name => (name.EndsWith(".bin", StringComparison.Ordinal) && name != "training_args.bin") || name.EndsWith(".pth", StringComparison.Ordinal) || name.EndsWith(".pt", StringComparison.Ordinal) || name.EndsWith(".ckpt", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)
        .FirstOrDefault();

    public static IEnumerable<string> NamesIn(string folder) => Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)!);

    public static bool IsIndex(string file) =>
        file.EndsWith(".json", StringComparison.Ordinal) && file.Contains(".safetensors.index.", StringComparison.Ordinal);

    /// <summary>
    /// .safetensors · .safetensors.index.json → plain; .V.safetensors · .V.safetensors.index.json · .safetensors.index.V.json → V; else null.
    /// </summary>
    public static string? VariantOf(string ending)
    {
        var parts = ending.Split('.')[1..];
        var variant = parts switch
        {
            ["safetensors"] or ["safetensors", "index", "json"] => Plain,
            [var name, "safetensors"] => name,
            [var name, "safetensors", "index", "json"] => name,
            ["safetensors", "index", var name, "json"] => name,
            _ => null,
        };
        // A shard of a variant: stem.fp16-00001-of-00002.safetensors
        return variant?.Contains("-of-", StringComparison.Ordinal) == true ? null : variant;
    }
}
