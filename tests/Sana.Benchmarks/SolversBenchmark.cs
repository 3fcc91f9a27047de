using System.Globalization;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Compares the latents of a few steps with those of 1,000 steps, on the small checkpoint of the fixtures, with guidance.
/// A trained network changes slowly with the timestep.
/// This one has random weights, so it changes with every sinusoid of the timestep, up to one radian for a timestep, which no solver of 20 steps can follow.
/// The measured copy therefore ignores the fast sinusoids.
/// The solvers have different limits, because their schedules differ at the ends and Flow-DPM truncates timesteps to integers, so each is compared with both
/// limits.
/// </summary>
internal static class SolversBenchmark
{
    private const int ManySteps = 1_000;
    private const int LatentSide = 8;
    private const float SlowestRemoved = 0.01f; // radians for a timestep: one and a half periods over the schedule
    private static readonly string[] Prompts = ["a red circle above a blue square", "two green triangles", "a photo of a cat", "夜の街"];

    private static readonly (string Name, SolverKind Solver, int Steps)[] Ways =
    [
        ("Flow-DPM", SolverKind.FlowDpm, 14), ("Flow-DPM", SolverKind.FlowDpm, 20), ("Flow-DPM", SolverKind.FlowDpm, 50),
        ("Flow-Euler", SolverKind.FlowEuler, 14), ("Flow-Euler", SolverKind.FlowEuler, 28), ("Flow-Euler", SolverKind.FlowEuler, 50),
    ];

    public static void Run(int rounds)
    {
        using var folder = new TempFolder();
        Copy(Path.Combine(Fixtures.Sana, "checkpoints", "sana"), folder.Path);
        SanaCheckpoint.Build(folder.Path, new BuildOptions());
        var files = SanaFiles.Open(folder.Path, new BuildOptions());
        RemoveFastSinusoids(files.TransformerWeights["time_embed.emb.timestep_embedder.linear_1.weight"]);
        using var pipeline = SanaPipeline.Load(folder.Path, new PipelineOptions());
        var side = LatentSide * files.Autoencoder.SpatialCompression;
        ImageRequest[] requests = [.. from prompt in Prompts from seed in Enumerable.Range(0, rounds) select new ImageRequest(prompt, (ulong)seed)];

        var dpm = Solve(SolverKind.FlowDpm, ManySteps);
        var euler = Solve(SolverKind.FlowEuler, ManySteps);
        Markdown.Text(string.Create(
            CultureInfo.InvariantCulture,
            $"{Prompts.Length} prompts × {rounds} seeds, guidance 4.5. Relative error of the final latents, ‖x − limit‖ / ‖limit‖: median over images, and the largest. "
            + $"The limits, {ManySteps:N0} steps of each solver, are {Median(Errors(dpm, euler)):0.0000} apart."));
        Markdown.Table(
            ["solver", "steps", $"from Flow-DPM at {ManySteps}", "largest", $"from Flow-Euler at {ManySteps}", "largest"],
            Ways.Select(way =>
            {
                var latents = Solve(way.Solver, way.Steps);
                return (string[])[way.Name, $"{way.Steps}", .. Cells(Errors(latents, dpm)), .. Cells(Errors(latents, euler))];
            }));

        float[][] Solve(SolverKind solver, int steps) => Latents(pipeline, files, requests, new GenerateOptions { Height = side, Width = side, Solver = solver, Steps = steps });
    }

    // Generates all images as one batch and returns one array for each.
    private static float[][] Latents(SanaPipeline pipeline, SanaFiles files, ImageRequest[] requests, GenerateOptions options)
    {
        float[] final = [];
        pipeline.Generate(requests, options, Noise, (_, _, latents) => final = [.. latents.Data]);
        return [.. final.Chunk(final.Length / requests.Length)];

        FloatTensor Noise(int stream, int height, int width)
        {
            var cell = files.Autoencoder.SpatialCompression;
            var noise = FloatTensor.Zeros(requests.Length, files.Transformer.InChannels, height / cell, width / cell);
            var length = noise.Data.Length / requests.Length;
            for (var i = 0; i < requests.Length; i++)
            {
                LatentNoise.Fill(noise.Data.AsSpan(i * length, length), requests[i].Seed, requests[i].Index, stream);
            }

            return noise;
        }
    }

    // Columns of the timestep's cosines, then of its sines: [width, 256], float32.
    private static void RemoveFastSinusoids(TensorEntry weight)
    {
        var columns = Sinusoid.Frequencies.Concat(Sinusoid.Frequencies).Select((frequency, column) => (frequency, column)).Where(f => f.frequency > SlowestRemoved);
        Span<byte> zero = stackalloc byte[sizeof(float)];
        using var file = File.OpenWrite(weight.File);
        foreach (var (_, column) in columns)
        {
            for (var row = 0; row < weight.Shape[0]; row++)
            {
                file.Position = weight.Offset + (sizeof(float) * ((row * weight.Shape[1]) + column));
                file.Write(zero);
            }
        }
    }

    private static double[] Errors(float[][] found, float[][] limit) => [.. found.Zip(limit, Error).Order()];

    private static double Error(float[] found, float[] limit) =>
        Math.Sqrt(found.Zip(limit, (a, b) => Math.Pow(a - b, 2)).Sum() / limit.Sum(b => Math.Pow(b, 2)));

    private static double Median(double[] ordered) => (ordered[(ordered.Length - 1) / 2] + ordered[ordered.Length / 2]) / 2;

    private static string[] Cells(double[] errors) =>
        [Median(errors).ToString("0.0000", CultureInfo.InvariantCulture), errors[^1].ToString("0.0000", CultureInfo.InvariantCulture)];

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
