using System.Globalization;
using System.Text.RegularExpressions;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>Which files of a published repository building and running a checkpoint read: configs, tokenizers and one set of weights for each network.</summary>
internal static partial class CheckpointFiles
{
    private static readonly string[] _preferred = [WeightVariants.Plain, "bf16", "fp16"];

    private static readonly (string Folder, string Stem)[] _sana =
        [("text_encoder/", "model"), ("transformer/", "diffusion_pytorch_model"), ("vae/", "diffusion_pytorch_model")];

    private static readonly string[] _ofSana =
        ["model_index.json", "complex_human_instruction.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "transformer/config.json", "vae/config.json"];

    private static readonly string[] _ofTransformers =
    [
        "config.json", "preprocessor_config.json", "processor_config.json", "generation_config.json", "vocab.json", "merges.txt", "added_tokens.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    ];

    /// <summary>The files to have, in the order of their names.</summary>
    /// <param name="repository">Its name, for messages.</param>
    /// <param name="names">Of all its files, with slashes.</param>
    /// <param name="variant">As in <c>fp16</c>. Null takes the plain set, else bf16, fp16 or the first; but a set that is wholly here is taken before one that is not.</param>
    /// <param name="isHere">Whether a file need not be fetched.</param>
    /// <exception cref="CheckpointException">It is no checkpoint of Sana, CLIP or a captioner, or its weights cannot be used.</exception>
    public static IReadOnlyList<string> Choose(string repository, IReadOnlyList<string> names, string? variant, Func<string, bool> isHere)
    {
        var isSana = names.Contains("model_index.json");
        if (!isSana && !names.Contains("config.json"))
            throw new CheckpointException($"{repository} has neither model_index.json nor config.json, so it is no checkpoint of Sana, CLIP or a captioner; give another repository.");

        if (!isSana && names.Contains("modeling_florence2.py"))
            throw new CheckpointException(Florence2Config.MicrosoftLayout(repository.Split('@')[0]));

        var chosen = isSana
            ? names.Intersect(_ofSana).Concat(names.Where(name => Tokenizer().IsMatch(name))).Concat(_sana.SelectMany(network => Weights(repository, names, network, variant, isHere)))
            : names.Intersect(_ofTransformers).Concat(Weights(repository, names, ("", "model"), variant, isHere));
        return [.. chosen.Order(StringComparer.Ordinal)];
    }

    // As SanaFiles opens them: a variant is published for some networks only, and the others have their plain set; the transformer must have it.
    private static List<string> Weights(string repository, IReadOnlyList<string> names, (string Folder, string Stem) network, string? variant, Func<string, bool> isHere)
    {
        var (sets, place) = (Sets(names, network), network.Folder.Length == 0 ? repository : $"{repository}, folder {network.Folder.TrimEnd('/')},");
        if (variant is not null && sets.TryGetValue(variant, out var asked))
            return asked;
        if (variant is not null && (network.Folder is "transformer/" or "" || sets.Count == 0))
            throw new CheckpointException($"{place} has no weights of variant {Quoted.Text(variant)}; there {(sets.Count == 0 ? "are none" : $"is {string.Join(", ", sets.Keys.Select(key => key == WeightVariants.Plain ? "the plain set (no --variant)" : key))}")}.");
        if (sets.Count == 0)
            throw new CheckpointException($"{place} has no {network.Stem}.safetensors, no variant of it and no whole set of shards: weights in other formats are not read; give a repository that has them.");

        var order = _preferred.Concat(sets.Keys).Where(sets.ContainsKey).Distinct().ToArray();
        return sets[order.FirstOrDefault(key => sets[key].All(isHere)) ?? order[0]];
    }

    // Variant → its one file, or its index with all its shards.
    private static SortedDictionary<string, List<string>> Sets(IReadOnlyList<string> names, (string Folder, string Stem) network)
    {
        var start = network.Folder + network.Stem;
        var shards = names.Where(name => name.StartsWith(start, StringComparison.Ordinal)).Select(name => (Name: name, Match: Shard().Match(name[start.Length..])))
            .Where(shard => shard.Match.Success)
            .ToLookup(shard => shard.Match.Groups["variant"].Value);
        var sets = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var name in names.Where(name => name.StartsWith(start + ".", StringComparison.Ordinal) && !name[start.Length..].Contains('/', StringComparison.Ordinal)).OrderBy(WeightVariants.IsIndex))
        {
            if (WeightVariants.VariantOf(name[start.Length..]) is not { } variant)
                continue;
            if (!WeightVariants.IsIndex(name))
                sets[variant] = [name];
            else if (!sets.ContainsKey(variant) && shards[variant].ToArray() is { Length: > 0 } parts && parts.Length == int.Parse(parts[0].Match.Groups["count"].Value, CultureInfo.InvariantCulture))
                sets[variant] = [name, .. parts.Select(part => part.Name)];
        }

        return sets;
    }

    [GeneratedRegex(@"^tokenizer/[^/]+\.json\z", RegexOptions.CultureInvariant)]
    private static partial Regex Tokenizer();

    // model-00001-of-00002.safetensors · model.fp16-00001-of-00002.safetensors · model-00001-of-00002.fp16.safetensors
    [GeneratedRegex(@"^(\.(?<variant>[^./]+))?-[0-9]{5}-of-(?<count>[0-9]{5})(\.(?<variant>[^./]+))?\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex Shard();
}
