using System.Globalization;

namespace Sana.Inference.Diffusion;

/// <summary>What the graph builder read from the checkpoint's configs and wrote into the transformer's graph.</summary>
/// <param name="Name">Of the checkpoint's folder.</param>
/// <param name="Fingerprint">SHA-256 over configs and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="Solver">What the checkpoint's scheduler is.</param>
/// <param name="FlowShift">How far sigmas are shifted towards noise.</param>
/// <param name="SigmaData">Standard deviation of latents that Sprint assumes.</param>
/// <param name="SampleSize">Native side in latent cells.</param>
/// <param name="Compression">Pixels a latent cell.</param>
/// <param name="GuidanceScale">What the guidance is multiplied by before it is embedded (Sprint).</param>
internal sealed record CheckpointFacts(
    string Name, string Fingerprint, SolverKind Solver, double FlowShift, float SigmaData, int SampleSize, int Compression, float GuidanceScale)
{
    /// <summary>Side of the images that it was made for, in pixels.</summary>
    public int NativePixels => SampleSize * Compression;

    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static CheckpointFacts From(IReadOnlyDictionary<string, string> metadata) => new(
        Text(metadata, "checkpoint"),
        Text(metadata, "fingerprint"),
        Text(metadata, "scheduler") switch
        {
            "DPMSolverMultistepScheduler" => SolverKind.FlowDpm,
            "FlowMatchEulerDiscreteScheduler" => SolverKind.FlowEuler,
            "SCMScheduler" => SolverKind.Scm,
            var other => throw Unusable("scheduler", other),
        },
        Number(metadata, "flow_shift"),
        (float)Number(metadata, "sigma_data"),
        (int)Number(metadata, "sample_size"),
        (int)Number(metadata, "spatial_compression"),
        (float)Number(metadata, "guidance_embeds_scale"));

    private static double Number(IReadOnlyDictionary<string, string> metadata, string key) =>
        double.TryParse(Text(metadata, key), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw Unusable(key, metadata[key]);

    private static string Text(IReadOnlyDictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var text) ? text : throw Unusable(key, "missing");

    private static InferenceException Unusable(string key, string found) =>
        new($"The transformer's graph says {key} is {found}; it was not built for this program. Run `sana build --force` on the checkpoint.");
}
