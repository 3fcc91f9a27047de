using System.Text.RegularExpressions;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Adapters;

/// <summary>The tensors of one layer: A [rank, in] and B [out, rank], or the same with 1×1 after it; B's bias [out]; alpha, a number.</summary>
internal sealed record LoraParts(string Name, TensorEntry? A, TensorEntry? B, TensorEntry? Bias, TensorEntry? Alpha);

/// <summary>From the names of tensors to the layers that they belong to. Whatever is not understood is refused: left out, the image would be another one.</summary>
internal sealed partial class LoraNames(string file)
{
    private const int MaxRank = 4096;
    private const int MostNamed = 4;

    // Of kohya's tools, which write an underscore for a dot: the end of a name, and the layer that it is.
    private static readonly Dictionary<string, string> _underscored =
        ("attn1.to_q attn1.to_k attn1.to_v attn1.to_out.0 attn2.to_q attn2.to_k attn2.to_v attn2.to_out.0 ff.conv_inverted ff.conv_point ff.conv_depth patch_embed.proj proj_out "
            + "time_embed.linear time_embed.emb.timestep_embedder.linear_1 time_embed.emb.timestep_embedder.linear_2 time_embed.timestep_embedder.linear_1 time_embed.timestep_embedder.linear_2 "
            + "time_embed.guidance_embedder.linear_1 time_embed.guidance_embedder.linear_2 caption_projection.linear_1 caption_projection.linear_2")
        .Split(' ').ToDictionary(name => name.Replace('.', '_'), StringComparer.Ordinal);

    /// <summary>The layers, whole and of shapes that fit one another, and whose names they have.</summary>
    /// <exception cref="CheckpointException">A tensor is of another method or not understood, a layer is not whole, or shapes or types do not fit.</exception>
    public (IReadOnlyList<LoraParts> Layers, string Format) Sort(IReadOnlyCollection<TensorEntry> entries)
    {
        var layers = new Dictionary<string, LoraParts>(StringComparer.Ordinal);
        var (format, unknown) = ("diffusers", new List<string>());
        foreach (var entry in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            RefuseOtherMethods(entry.Name);
            if (Parse(entry.Name) is not { } part)
            {
                unknown.Add(entry.Name);
                continue;
            }

            format = part.Format ?? format;
            var layer = layers.GetValueOrDefault(part.Layer) ?? new LoraParts(part.Layer, null, null, null, null);
            layers[part.Layer] = (part.Kind, layer) switch
            {
                ("A", { A: null }) => layer with { A = entry },
                ("B", { B: null }) => layer with { B = entry },
                ("bias", { Bias: null }) => layer with { Bias = entry },
                ("alpha", { Alpha: null }) => layer with { Alpha = entry },
                _ => throw new CheckpointException($"{file} has {part.Layer} twice, once as {Quoted.Text(entry.Name)}; keep one of them."),
            };
        }

        if (unknown.Count > 0)
            throw new CheckpointException($"{file} has {(unknown.Count == 1 ? "a tensor that is" : $"{unknown.Count} tensors that are")} no part of an adapter for the transformer of Sana: {Named(unknown)}; give a LoRA that was trained on Sana.");
        if (layers.Count == 0)
            throw new CheckpointException($"{file} has no tensors; give the file of a LoRA.");
        foreach (var layer in layers.Values)
            Check(layer);
        return ([.. layers.Values], format);
    }

    private void RefuseOtherMethods(string name)
    {
        if (Dora().IsMatch(name))
            throw new CheckpointException($"{file} is a DoRA, as its tensor {Quoted.Text(name)} says: it also rescales the layers, which is not supported; train a plain LoRA (use_dora false).");
        if (Lycoris().Match(name) is { Success: true } other)
            throw new CheckpointException($"{file} is of another method than LoRA (LyCORIS: LoKr, LoHa, OFT …), as its tensor {Quoted.Text(name)} with {other.Value} says; convert it, or train a plain LoRA.");
        if (TextEncoder().IsMatch(name))
            throw new CheckpointException($"{file} adapts a text encoder, as its tensor {Quoted.Text(name)} says; the text encoder of Sana takes no adapters: give a LoRA that was trained on Sana's transformer.");
    }

    private static (string Layer, string Kind, string? Format)? Parse(string name)
    {
        if (Kohya().Match(name) is { Success: true } kohya)
            return Dotted(kohya.Groups["layer"].Value) is { } dotted ? (dotted, KindOf(kohya), "kohya") : null;
        if (Part().Match(name) is not { Success: true } part)
            return null;
        var layer = part.Groups["layer"].Value.Replace(".processor.", ".", StringComparison.Ordinal);
        layer = layer.EndsWith(".to_out", StringComparison.Ordinal) ? layer + ".0" : layer; // as old versions of diffusers name it
        if (!Layer().IsMatch(layer))
            return null;
        var format = part.Groups["peft"].Success ? "PEFT" : part.Groups["kohya"].Success ? "kohya" : null;
        return (layer, KindOf(part), format);
    }

    private static string KindOf(Match part) => part.Groups["alpha"].Success ? "alpha" : part.Groups["bias"].Success ? "bias" : part.Groups["a"].Success ? "A" : "B";

    private static string? Dotted(string name) => Block().Match(name) is { Success: true } block
        ? _underscored.TryGetValue(block.Groups["rest"].Value, out var rest) && Layer().IsMatch($"transformer_blocks.{block.Groups["index"].Value}.{rest}") ? $"transformer_blocks.{block.Groups["index"].Value}.{rest}" : null
        : _underscored.TryGetValue(name, out var whole) && Layer().IsMatch(whole) ? whole : null;

    private void Check(LoraParts layer)
    {
        if (layer.A is not { } a || layer.B is not { } b)
            throw new CheckpointException($"{file} has only one half of {layer.Name}: {(layer.A is null ? "A (lora_A, lora_down)" : "B (lora_B, lora_up)")} is missing; fetch the file again.");
        if (layer.Name.EndsWith(".conv_depth", StringComparison.Ordinal))
            throw new CheckpointException($"{file} adapts {layer.Name}, a depthwise convolution of 3×3; only linear layers and 1×1 convolutions can be adapted: train without it.");
        foreach (var entry in new[] { a, b, layer.Bias, layer.Alpha }.OfType<TensorEntry>())
        {
            if (!entry.Type.IsWeight())
                throw new CheckpointException($"{entry.Place} is of type {entry.Type}; adapters take F32, F16 and BF16.");
        }

        if (!IsMatrix(a) || !IsMatrix(b) || a.Shape[0] != b.Shape[1] || a.Shape.Length != b.Shape.Length)
            throw new CheckpointException($"{layer.Name} in {file} has A {Quoted.Shape(a.Shape)} and B {Quoted.Shape(b.Shape)}; they must be [rank, in] and [out, rank], or the same with 1, 1 after it.");
        if (a.Shape[0] is < 1 or > MaxRank || a.Shape[1] < 1 || b.Shape[0] < 1)
            throw new CheckpointException($"{layer.Name} in {file} has rank {a.Shape[0]}, from {a.Shape[1]} to {b.Shape[0]}; ranks are 1…{MaxRank}, and no width is 0.");
        if (layer.Bias is { } bias && !bias.Shape.AsSpan().SequenceEqual([b.Shape[0]]))
            throw new CheckpointException($"{bias.Place} has shape {Quoted.Shape(bias.Shape)}; it must be [{b.Shape[0]}].");
        if (layer.Alpha is { } alpha && alpha.Shape.Aggregate(1L, (product, size) => product * size) != 1)
            throw new CheckpointException($"{alpha.Place} has shape {Quoted.Shape(alpha.Shape)}; alpha is one number.");
    }

    private static bool IsMatrix(TensorEntry entry) => entry.Shape is [_, _] or [_, _, 1, 1];

    private static string Named(List<string> names) => string.Join(", ", names.Take(MostNamed).Select(Quoted.Text)) + (names.Count > MostNamed ? $" and {names.Count - MostNamed} more" : "");

    // transformer.(layer).lora_A.weight · base_model.model.(layer).lora_B.default.bias · (layer).lora.down.weight · (layer)_lora.up.weight · (layer).lora_down.weight · (layer).alpha
    [GeneratedRegex(@"^(?:(?<peft>base_model\.model\.)?(?:transformer\.)?)(?<layer>.+?)(?:\.lora_(?:(?<a>A)(?:\.[A-Za-z0-9_-]+)?\.weight|B(?:\.[A-Za-z0-9_-]+)?\.(?:weight|(?<bias>bias)))|[._]lora\.(?:(?<a>down)\.weight|up\.(?:weight|(?<bias>bias)))|(?<kohya>\.lora_(?:(?<a>down)|up)\.weight)|(?<kohya>\.(?<alpha>alpha)))\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Part();

    [GeneratedRegex(@"^lora_(?:transformer|unet)_(?<layer>[A-Za-z0-9_]+)\.(?:lora_(?:(?<a>down)|up)\.weight|(?<alpha>alpha))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Kohya();

    [GeneratedRegex(@"^transformer_blocks_(?<index>[0-9]{1,4})_(?<rest>[a-z0-9_]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(?:transformer_blocks\.(?:0|[1-9][0-9]{0,3})\.(?:attn[12]\.(?:to_q|to_k|to_v|to_out\.0)|ff\.conv_(?:inverted|point|depth))|patch_embed\.proj|proj_out|time_embed\.(?:linear|(?:emb\.timestep_embedder|timestep_embedder|guidance_embedder)\.linear_[12])|caption_projection\.linear_[12])\z", RegexOptions.CultureInvariant)]
    private static partial Regex Layer();

    [GeneratedRegex(@"dora_scale|lora_magnitude_vector", RegexOptions.CultureInvariant)]
    private static partial Regex Dora();

    [GeneratedRegex(@"lokr_|hada_|oft_|boft_|glora_|lora_mid|ia3_|\.diff\b|\.diff_b\b", RegexOptions.CultureInvariant)]
    private static partial Regex Lycoris();

    [GeneratedRegex(@"^(?:text_encoder|lora_te)", RegexOptions.CultureInvariant)]
    private static partial Regex TextEncoder();
}
