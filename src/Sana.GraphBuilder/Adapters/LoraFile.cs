using System.Security.Cryptography;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Adapters;

/// <summary>
/// A file of low-rank adapters (LoRA, arXiv:2106.09685) for the transformer of a Sana checkpoint, as diffusers, PEFT and kohya's tools write it. Only its header is held.
/// A file of another method (DoRA, LoKr …), or of which a part would be left out, is refused.
/// </summary>
public sealed class LoraFile
{
    private const string Diffusers = "pytorch_lora_weights.safetensors";
    private const string Peft = "adapter_model.safetensors";
    private const int MostNamed = 4;

    private readonly Layer[] _layers;

    private LoraFile(string path, SafetensorsWeights weights, Layer[] layers, string format, string scaleFrom)
    {
        (Path, _layers, Format, ScaleFrom) = (path, layers, format, scaleFrom);
        Bytes = weights.Files[0].Length;
        StoredAs = string.Join(", ", layers.SelectMany(layer => new[] { layer.A.Type, layer.B.Type }).Distinct().Select(type => type.ToString()).Order(StringComparer.Ordinal));
        Sha256 = HashOf(path);
    }

    /// <value>Full path.</value>
    public string Path { get; }

    /// <value>SHA-256 of the whole file, lower-case hex.</value>
    public string Sha256 { get; }

    /// <value>Of the file.</value>
    public long Bytes { get; }

    /// <value>Element types, as in <c>F32</c> or <c>BF16</c>.</value>
    public string StoredAs { get; }

    /// <value>Whose names it has: <c>diffusers</c>, <c>PEFT</c> or <c>kohya</c>.</value>
    public string Format { get; }

    /// <value>Where the scales are from, as a sentence says it.</value>
    public string ScaleFrom { get; }

    /// <value>The layers that it adapts, by their names.</value>
    public IReadOnlyList<LoraLayer> Layers => [.. _layers.Select(layer => new LoraLayer(layer.Name, (int)layer.A.Shape[0], layer.A.Shape[1], layer.B.Shape[0], layer.Scale, layer.Bias is not null))];

    /// <value>Numbers in its tensors.</value>
    public long Parameters => _layers.Sum(layer => Numbers(layer.A) + Numbers(layer.B) + (layer.Bias is null ? 0 : Numbers(layer.Bias)));

    /// <summary>Opens a file, or the one in a folder that diffusers or PEFT wrote.</summary>
    /// <param name="place">A .safetensors file, or a folder with <c>pytorch_lora_weights.safetensors</c>, <c>adapter_model.safetensors</c> or one other .safetensors file.</param>
    /// <exception cref="CheckpointException">There is none, or it is damaged, of another method, or has what is not known here.</exception>
    public static LoraFile Open(string place)
    {
        ArgumentNullException.ThrowIfNull(place);
        var path = Find(System.IO.Path.GetFullPath(place));
        var weights = SafetensorsWeights.OpenFile(path);
        var parts = new LoraNames(path).Sort(weights.Entries);
        var scales = LoraScales.Of(weights.Files[0], System.IO.Path.GetFileName(path) == Peft ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, "adapter_config.json") : null);
        Layer[] layers = [.. parts.Layers.OrderBy(layer => layer.Name, StringComparer.Ordinal).Select(layer => Layer.Of(layer, scales))];
        return new LoraFile(path, weights, layers, parts.Format, Array.Exists(layers, layer => layer.HasAlpha) ? "alpha tensors" : scales.Source);
    }

    /// <summary>Which file of a folder or repository it is; null when none can be told.</summary>
    /// <param name="names">Of all files.</param>
    internal static string? Choose(IReadOnlyList<string> names) => names.Contains(Diffusers) ? Diffusers
        : names.Contains(Peft) ? Peft
        : names.Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal)).ToArray() is [var only] ? only : null;

    /// <value>The published transformers that have these layers in these widths, by name.</value>
    public IReadOnlyList<string> Fits => [.. SanaTransformerConfig.Published.Where(known => Misfit(known.Config, known.Name) is null).Select(known => known.Name)];

    /// <summary>Whether a place is the file of an adapter, or a folder that holds one and no checkpoint.</summary>
    public static bool IsIn(string place) => File.Exists(place)
        || (Directory.Exists(place) && !File.Exists(System.IO.Path.Combine(place, "model_index.json")) && !File.Exists(System.IO.Path.Combine(place, "config.json"))
            && Choose([.. Directory.EnumerateFiles(place).Select(file => System.IO.Path.GetFileName(file))]) is not null);

    /// <summary>Refuses a checkpoint whose transformer has not these layers in these widths.</summary>
    /// <param name="checkpoint">Folder of a Sana checkpoint.</param>
    /// <exception cref="CheckpointException">It does not fit; the layers are named.</exception>
    public void RequireFit(string checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var config = SanaTransformerConfig.Load(System.IO.Path.Combine(checkpoint, "transformer", "config.json"));
        if (Misfit(config, System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(checkpoint)))) is { } misfit)
            throw new CheckpointException(misfit);
    }

    // Why it does not fit; null if it does.
    private string? Misfit(SanaTransformerConfig config, string name)
    {
        var shapes = SanaTransformerTensors.All(config).ToDictionary(tensor => tensor.Name, tensor => tensor.Shape, StringComparer.Ordinal);
        if (Names(_layers.Where(layer => !shapes.ContainsKey($"{layer.Name}.weight")).Select(layer => layer.Name)) is { } missing)
            return $"{Path} is no adapter for {name}: its transformer of {config.NumLayers} blocks has no {missing}; use the checkpoint that it was trained on.";
        var wrong = _layers.Where(layer => shapes[$"{layer.Name}.weight"] is var shape && (shape[0] != layer.B.Shape[0] || shape[1] != layer.A.Shape[1]))
            .Select(layer => $"{layer.Name} (here {layer.A.Shape[1]} to {layer.B.Shape[0]}, there {shapes[$"{layer.Name}.weight"][1]} to {shapes[$"{layer.Name}.weight"][0]})");
        return Names(wrong) is { } named ? $"{Path} is no adapter for {name}: the widths differ in {named}; use the checkpoint that it was trained on." : null;
    }

    /// <summary>Reads the numbers of all layers.</summary>
    /// <exception cref="CheckpointException">The file is another one than it was, cannot be read, or holds what is no number.</exception>
    public IReadOnlyList<LoraMatrices> Read()
    {
        if (HashOf(Path) != Sha256)
            throw new CheckpointException($"{Path} has been changed since it was opened; start again.");
        return [.. _layers.Select(layer => layer.Read())];
    }

    private static string Find(string place)
    {
        if (!Directory.Exists(place))
            return place;
        string[] names = [.. Directory.EnumerateFiles(place).Select(file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        return Choose(names) is { } name
            ? System.IO.Path.Combine(place, name)
            : throw new CheckpointException($"{place} has no {Diffusers}, no {Peft} and not just one other .safetensors file; give the adapter's file itself.");
    }

    private static string HashOf(string path)
    {
        using var handle = RegularFile.Open(path);
        using var file = new FileStream(handle, FileAccess.Read, 1 << 16);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static long Numbers(TensorEntry entry) => entry.Shape.Aggregate(1L, (product, size) => product * size);

    // The first of them; null for none.
    private static string? Names(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.Length == 0 ? null : string.Join(", ", all.Take(MostNamed)) + (all.Length > MostNamed ? $" and {all.Length - MostNamed} more" : "");
    }

    private sealed record Layer(string Name, TensorEntry A, TensorEntry B, TensorEntry? Bias, double Scale, bool HasAlpha)
    {
        public static Layer Of(LoraParts parts, LoraScales scales)
        {
            var (a, b) = (parts.A!, parts.B!);
            var alpha = parts.Alpha is { } stored ? TensorNumbers.Read(stored)[0] : (double?)null;
            return new Layer(parts.Name, a, b, parts.Bias, scales.Of(parts.Name, (int)a.Shape[0], alpha), alpha is not null);
        }

        public LoraMatrices Read()
        {
            var (rank, from, to) = ((int)A.Shape[0], (int)A.Shape[1], (int)B.Shape[0]);
            return new LoraMatrices(Name, rank, Scale, Transposed(TensorNumbers.Read(A), rank, from), Transposed(TensorNumbers.Read(B), to, rank), Bias is null ? null : TensorNumbers.Read(Bias));
        }

        private static float[] Transposed(float[] matrix, int rows, int columns)
        {
            var turned = new float[matrix.Length];
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                    turned[(column * rows) + row] = matrix[(row * columns) + column];
            }

            return turned;
        }
    }
}

/// <summary>A layer that a file adapts.</summary>
/// <param name="Name">Of the layer in the checkpoint, as in <c>transformer_blocks.0.attn1.to_q</c>.</param>
/// <param name="Rank">Of its two matrices.</param>
/// <param name="From">Width that the layer takes.</param>
/// <param name="To">Width that it gives.</param>
/// <param name="Scale">What the product of the matrices is multiplied by: alpha / rank, or alpha / √rank.</param>
/// <param name="HasBias">Whether something is added to the product.</param>
public sealed record LoraLayer(string Name, int Rank, long From, long To, double Scale, bool HasBias);

/// <summary>The numbers of a layer: its output gains scale · ((x · A) · B + bias).</summary>
/// <param name="Name">Of the layer.</param>
/// <param name="Rank">Columns of A and rows of B.</param>
/// <param name="Scale">See <see cref="LoraLayer.Scale"/>.</param>
/// <param name="A">[from, rank], row-major.</param>
/// <param name="B">[rank, to], row-major.</param>
/// <param name="Bias">[to], or null.</param>
public sealed record LoraMatrices(string Name, int Rank, double Scale, float[] A, float[] B, float[]? Bias);
