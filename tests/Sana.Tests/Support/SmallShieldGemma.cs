using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Judging;

namespace Sana.Tests.Support;

/// <summary>A judge of prompts of random weights: the text encoder and the tokenizer of the small Sana, with two unused tokens that are Yes and No.</summary>
internal sealed class SmallShieldGemma : IDisposable
{
    private readonly TempFolder _folder = new();

    public SmallShieldGemma(Action<JsonObject>? change = null, bool hasAnswers = true)
    {
        var sana = Path.Combine(Fixtures.Sana, "checkpoints", BuiltCheckpoint.Plain);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(sana, "text_encoder/config.json")))!.AsObject();
        config["architectures"] = new JsonArray("Gemma2ForCausalLM");
        change?.Invoke(config);
        File.WriteAllText(_folder.File("config.json"), config.ToJsonString());
        File.Copy(Path.Combine(sana, "text_encoder/model.safetensors"), _folder.File("model.safetensors"));
        File.Copy(Path.Combine(sana, "tokenizer/tokenizer_config.json"), _folder.File("tokenizer_config.json"));
        var tokens = File.ReadAllText(Path.Combine(sana, "tokenizer/tokenizer.json"));
        File.WriteAllText(_folder.File("tokenizer.json"), hasAnswers ? tokens.Replace("<unused0>", "Yes", StringComparison.Ordinal).Replace("<unused1>", "No", StringComparison.Ordinal) : tokens);
    }

    public string Folder => _folder.Path;

    public ShieldGemma Load()
    {
        JudgeCheckpoint.Build(Folder, new BuildOptions());
        return ShieldGemma.Load(Folder, new JudgeOptions { Threads = 1 });
    }

    public void Dispose() => _folder.Dispose();
}
