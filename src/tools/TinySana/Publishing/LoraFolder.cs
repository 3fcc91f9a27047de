using System.Text.Json.Nodes;
using TinySana.Networks;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Publishing;

/// <summary>A folder with a low-rank adapter, as diffusers writes it: the tensors in one file, and PEFT's settings as a JSON text in the file's header.</summary>
internal static class LoraFolder
{
    private const string Weights = "pytorch_lora_weights.safetensors";
    private const string Prefix = "transformer.";

    /// <param name="folder">It is created.</param>
    /// <param name="adapter">Its parameters are stored in float16.</param>
    /// <param name="rank">Its rank, which is its alpha too.</param>
    public static void Write(string folder, LoraModule adapter, int rank) => SafetensorsFile.Save(
        Path.Combine(folder, Weights),
        adapter.named_parameters().Select(one => (Prefix + one.name, IsConvolution(one.name) ? one.parameter.unsqueeze(-1).unsqueeze(-1) : one.parameter)),
        half: true,
        ("lora_adapter_metadata", Settings(rank).ToJsonString()));

    /// <summary>Reads a file into an adapter's parameters.</summary>
    public static void Read(string folder, LoraModule adapter)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var saved = SafetensorsFile.Load(Path.Combine(folder, Weights));
        foreach (var (name, parameter) in adapter.named_parameters())
            parameter.copy_(saved[Prefix + name].reshape(parameter.shape));
    }

    // A 1×1 convolution in the checkpoint, which is a linear layer here.
    private static bool IsConvolution(string name) => name.StartsWith("patch_embed.", StringComparison.Ordinal);

    private static JsonObject Settings(int rank) => new(new Dictionary<string, JsonNode?>
    {
        ["peft_type"] = "LORA",
        ["r"] = rank,
        ["lora_alpha"] = rank,
        ["rank_pattern"] = new JsonObject(),
        ["alpha_pattern"] = new JsonObject(),
        ["target_modules"] = new JsonArray([.. LoraModule.Targets.Select(target => (JsonNode)target)]),
        ["bias"] = "none",
        ["lora_bias"] = false,
        ["lora_dropout"] = 0.0,
        ["use_rslora"] = false,
        ["use_dora"] = false,
    }.Select(setting => KeyValuePair.Create(Prefix + setting.Key, setting.Value)));
}
