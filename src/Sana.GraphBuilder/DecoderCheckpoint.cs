using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>
/// An autoencoder (AutoencoderDC in diffusers' layout) whose decoder takes the place of a Sana checkpoint's own, such as the light one, DC-AE-Lite. Its latents must be the same.
/// </summary>
public static class DecoderCheckpoint
{
    /// <summary>Which files of a repository are read.</summary>
    /// <param name="repository">Its name, for messages.</param>
    /// <param name="names">Of all its files, with slashes.</param>
    /// <exception cref="CheckpointException">It holds no autoencoder.</exception>
    public static IReadOnlyList<string> Choose(string repository, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var folder = names.Contains("vae/config.json") ? "vae/" : "";
        string[] chosen = [.. names.Where(name => name == folder + "config.json" || (name.StartsWith(folder + Stem, StringComparison.Ordinal) && !name[folder.Length..].Contains('/', StringComparison.Ordinal)))];
        return chosen.Length > 1
            ? chosen
            : throw new CheckpointException($"{repository} has no config.json with {Stem}.safetensors, in itself or in vae/, so it is no autoencoder; give another repository.");
    }

    /// <summary>Writes the graph of the decoder beside its weights, unless it is there and belongs to these files.</summary>
    /// <param name="folder">That of the autoencoder, or one with it in <c>vae</c>.</param>
    /// <param name="checkpoint">Folder of the Sana checkpoint that it is for.</param>
    /// <param name="options">How to build.</param>
    /// <returns>The graph is <c>decoder_model.onnx</c> in the report's folder.</returns>
    /// <exception cref="CheckpointException">It is no autoencoder, damaged, or has other latents than the checkpoint.</exception>
    public static BuildReport Build(string folder, string checkpoint, BuildOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        var path = CheckpointFolder.FullPath(folder, holds: "the autoencoder's config.json");
        path = File.Exists(Path.Combine(path, "config.json")) ? path : Path.Combine(path, "vae");
        var (config, own) = (AutoencoderDCConfig.Load(Path.Combine(path, "config.json")), AutoencoderDCConfig.Load(Path.Combine(checkpoint, "vae", "config.json")));
        if ((config.LatentChannels, config.SpatialCompression, config.ScalingFactor) != (own.LatentChannels, own.SpatialCompression, own.ScalingFactor))
        {
            throw new CheckpointException(FormattableString.Invariant(
                $"{path} decodes {config.LatentChannels} channels, 1/{config.SpatialCompression} of the pixels, scaled by {config.ScalingFactor}; {checkpoint} has {own.LatentChannels}, 1/{own.SpatialCompression} and {own.ScalingFactor}, so its latents are others: use a decoder that was trained for them."));
        }

        return Build(path, config, options);
    }

    private const string Stem = "diffusion_pytorch_model";

    private static BuildReport Build(string path, AutoencoderDCConfig config, BuildOptions options)
    {
        var weights = SafetensorsWeights.Open(path, Stem, options.Variant);
        weights.Require(AutoencoderDCTensors.All(config), options.IgnoreUnusedTensors);
        var set = new GraphSet
        {
            Folder = path,
            Fingerprint = CheckpointFingerprint.Compute("decoder", [Path.Combine(path, "config.json")], weights),
            Weights = weights.Files,
            Metadata =
            [
                ("checkpoint", CheckpointFolder.NameOf(Path.GetFileName(path) == "vae" ? Path.GetDirectoryName(path)! : path)),
                ("spatial_compression", MetadataText.Of(config.SpatialCompression)),
                ("scaling_factor", MetadataText.Of(config.ScalingFactor)),
            ],
            Graphs = [new("decoder_model.onnx", () => SanaGraphs.Decoder(config, weights))],
        };
        return set.Write(BuildRecord.Read(path), options, (folder, again) => Build(folder, config, again));
    }
}
