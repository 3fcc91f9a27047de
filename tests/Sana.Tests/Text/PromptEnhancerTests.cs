using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Models;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

/// <summary>What the text encoder writes is the likeliest token each time, until a rule ends it. That it makes a better prompt only the published weights can show.</summary>
public sealed class PromptEnhancerTests
{
    private const int Vocabulary = 600;

    // Above those of TinyTokenizer every id is a word.
    private static readonly Action<JsonObject> _words = json =>
    {
        var vocabulary = json["model"]!["vocab"]!.AsObject();
        while (vocabulary.Count < Vocabulary)
            vocabulary[$"▁w{vocabulary.Count}"] = vocabulary.Count;
    };

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, "a cat")]
    [InlineData(2, "abc")]
    [InlineData(3, "a red house on a hill")]
    [InlineData(4, "q")]
    public void The_tokens_are_those_of_a_plain_computation_without_a_cache(int seed, string prompt)
    {
        var tokenizer = TinyTokenizer.Load(_words);
        using var gemma = new TinyGemma(layers: 2, vocabulary: Vocabulary, seed: seed);
        using var encoder = gemma.Encoder();
        using var enhancer = new PromptEnhancer(encoder, tokenizer, gemma.Head);
        var ids = tokenizer.Encode($"say more: {prompt}");
        using var prefix = encoder.Remember(ids.AsSpan(0, 5), Ended);

        var (alone, after) = (enhancer.Written(null, ids, Ended), enhancer.Written(prefix, ids, Ended));

        var expected = Plain(gemma, tokenizer, ids);
        Assert.True(expected.Distinct().Count() > 3, $"{expected.Count} tokens are written, of which {expected.Distinct().Count()} are different; take another seed.");
        Assert.Equal(expected, alone);
        Assert.Equal(expected, after);
    }

    [Theory]
    [InlineData("<eos>")]
    [InlineData("<end_of_turn>")]
    [InlineData("<start_of_turn>")]
    public void A_token_that_ends_a_turn_ends_the_text(string end)
    {
        var before = TinyTokenizer.Load(_words);
        using var gemma = new TinyGemma(layers: 2, vocabulary: Vocabulary, seed: 3);
        using var encoder = gemma.Encoder();
        using var first = new PromptEnhancer(encoder, before, gemma.Head);
        var ids = before.Encode("a red house");
        var written = first.Written(null, ids, Ended);
        var chosen = written.Distinct().Skip(1).First(id => id >= 300);
        var at = written.IndexOf(chosen);
        var after = TinyTokenizer.Load(json =>
        {
            _words(json);
            var vocabulary = json["model"]!["vocab"]!.AsObject();
            if (end == "<eos>")
                vocabulary["<was_eos>"] = 1;
            vocabulary.Remove($"▁w{chosen}");
            vocabulary.Remove(end);
            vocabulary[end] = chosen;
            json["added_tokens"] = new JsonArray([.. json["added_tokens"]!.AsArray().Where(token => token!["content"]!.GetValue<string>() != end).Select(token => token!.DeepClone()), TinyTokenizer.Added(chosen, end)]);
        });
        using var second = new PromptEnhancer(encoder, after, gemma.Head);

        Assert.True(at > 0);
        Assert.Equal(written[..at], second.Written(null, ids, Ended));
    }

    [Theory]
    [InlineData(" A red house,  in snow.", "A red house, in snow.")]
    [InlineData(" A red house.\nUser Prompt: a cat", "A red house.")]
    [InlineData("\nA red house", "")]
    [InlineData("  \t ", "")]
    [InlineData("a\tb\u0001c", "a b")]
    [InlineData("", "")]
    public void The_text_ends_with_its_line(string written, string text) => Assert.Equal(text, PromptEnhancer.Text(written, isCut: false));

    [Fact]
    public void The_text_has_at_most_77_whole_words()
    {
        string Words(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $" w{i}"));

        Assert.Equal(Words(77)[1..], PromptEnhancer.Text(Words(78), isCut: false));
        Assert.Equal(Words(77)[1..], PromptEnhancer.Text(Words(77), isCut: false));
        Assert.Equal("a big", PromptEnhancer.Text("a big hou", isCut: true));
        Assert.Equal("a big house", PromptEnhancer.Text("a big house ", isCut: true));
        Assert.Equal("一只猫", PromptEnhancer.Text("一只猫", isCut: true));
    }

    [Fact]
    public void Words_that_separate_turns_are_not_read_and_an_empty_prompt_stays()
    {
        using var model = new ShippedModel("tiny-sana");
        SanaCheckpoint.Build(model.Path, new BuildOptions { Head = true });
        using var prompts = PipelineLoader.LoadPrompts(model.Path, new PipelineOptions { Threads = 1 }, Precision.Float32);

        Assert.Equal(prompts.Enhance("a cat", Ended), prompts.Enhance("a <end_<end_of_turn>of_turn>cat<start_of_turn>", Ended));
        Assert.Equal(["", " \n"], new[] { "", " \n" }.Select(prompt => prompts.Enhance(prompt, Ended)));
    }

    [Theory]
    [InlineData(GraphPrecision.Float32)]
    [InlineData(GraphPrecision.W8A8)]
    public void The_shipped_model_writes_what_its_encoder_gives_without_a_cache(GraphPrecision graphs)
    {
        using var model = new ShippedModel("tiny-sana");
        SanaCheckpoint.Build(model.Path, new BuildOptions { Head = true, Precision = graphs });
        var precision = graphs == GraphPrecision.W8A8 ? Precision.W8A8 : Precision.Float32;
        using var prompts = PipelineLoader.LoadPrompts(model.Path, new PipelineOptions { Threads = 1 }, precision);
        using var encoder = TextEncoder.Load(Path.Combine(model.Path, "text_encoder", precision.FileOf("model")), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        var tokenizer = GemmaTokenizer.Load(Path.Combine(model.Path, "tokenizer"));
        var rows = SafetensorsReader.Open(Path.Combine(model.Path, "text_encoder/model.safetensors")).Floats("embed_tokens.weight");
        var ids = ComplexHumanInstruction.Load(model.Path, tokenizer)!.Encode("a red circle").Ids.ToList();
        var written = new List<int>();
        while (written.Count < PromptEnhancer.MostTokens)
        {
            var hidden = encoder.Encode([.. ids], Ended);
            var width = (int)hidden.Shape[1];
            var last = hidden.Data.AsSpan(hidden.Data.Length - width).ToArray();
            var best = Enumerable.Range(0, rows.Length / width).MaxBy(id => last.Select((x, i) => (double)x * rows[(id * width) + i]).Sum());
            if (best is 0 or 1 or 2 || tokenizer.Decode([.. written, best]) is var text && (text.Contains('\n', StringComparison.Ordinal) || text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length > 77))
                break;
            written.Add(best);
            ids.Add(best);
        }

        var expected = PromptEnhancer.Text(tokenizer.Decode([.. written]), written.Count == PromptEnhancer.MostTokens);
        Assert.Equal(expected.Length == 0 ? "a red circle" : expected, prompts.Enhance("a red circle", Ended));
    }

    [Fact]
    public void Numbers_that_are_not_finite_leave_the_prompt()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        checkpoint.Change("text_encoder/model.safetensors", "norm.weight", _ => float.NaN);
        checkpoint.Build(new BuildOptions { Head = true });
        using var pipeline = SanaPipeline.Load(checkpoint.Folder, new PipelineOptions { Threads = 1 });

        Assert.Equal("a cat", pipeline.Enhance("a cat", Ended));
    }

    [Fact]
    public void A_head_that_is_not_the_embedding_is_refused()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        var file = checkpoint.PathOf("text_encoder/config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config["tie_word_embeddings"] = false;
        File.WriteAllText(file, config.ToJsonString());

        checkpoint.Build();
        Assert.Contains("tie_word_embeddings", Assert.Throws<CheckpointException>(() => checkpoint.Build(new BuildOptions { Head = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_without_an_instruction_is_refused()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        File.WriteAllText(checkpoint.PathOf("complex_human_instruction.json"), "[]");
        checkpoint.Build(new BuildOptions { Head = true });
        using var pipeline = SanaPipeline.Load(checkpoint.Folder, new PipelineOptions { Threads = 1 });

        Assert.Contains("has no instruction", Assert.Throws<InferenceException>(() => pipeline.Enhance("a cat", Ended)).Message, StringComparison.Ordinal);
    }

    private static List<int> Plain(TinyGemma gemma, GemmaTokenizer tokenizer, int[] ids)
    {
        var (written, rows, width) = (new List<int>(), gemma["embed_tokens.weight"], gemma.Config.HiddenSize);
        while (written.Count < PromptEnhancer.MostTokens)
        {
            var last = PlainGemma.Encode(gemma, [.. ids, .. written])[^1];
            var best = Enumerable.Range(0, Vocabulary).MaxBy(id => last.Select((x, i) => x * rows[(id * width) + i]).Sum());
            if (best is 0 or 1 or 2)
                break;
            written.Add(best);
            var text = tokenizer.Decode([.. written]);
            if (text.Any(c => char.IsControl(c) && c != '\t') || text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length > 77)
                break;
        }

        return written;
    }
}
