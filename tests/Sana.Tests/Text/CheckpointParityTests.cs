using System.Text.Json;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

[Trait("Category", "Parity")]
public sealed class CheckpointParityTests
{
    public static TheoryData<string> Checkpoints => [.. Directory.GetFiles(Path.Combine(Fixtures.Sana, "expected"), "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!)];

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Instruction_has_as_many_tokens_as_the_reference_counts(string checkpoint)
    {
        var instruction = Instruction(checkpoint, out _);

        if (Expected(checkpoint).TryGetProperty("instruction_tokens", out var tokens)) Assert.Equal(tokens.GetInt32(), instruction.Tokens);
        else Assert.False(Expected(checkpoint).TryGetProperty("prompts", out _));
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Prompts_get_the_reference_ids_with_instruction(string checkpoint)
    {
        var instruction = Instruction(checkpoint, out _);

        Assert.All(Prompts(checkpoint, "ids_with_instruction"), prompt =>
        {
            var tokens = instruction.Encode(prompt.Text);
            Assert.Equal(prompt.Ids, tokens.Ids);
            Assert.True(tokens.Ids.AsSpan().StartsWith(instruction.Ids.AsSpan(0, tokens.SharedPrefix)));
            Assert.Equal(prompt.Ids.Length - instruction.Tokens + 2, tokens.KeptCount);
        });
    }

    [Theory]
    [MemberData(nameof(Checkpoints))]
    public void Prompts_get_the_reference_ids_without_instruction(string checkpoint)
    {
        _ = Instruction(checkpoint, out var tokenizer);

        Assert.All(Prompts(checkpoint, "ids_without_instruction"), prompt =>
        {
            var tokens = TextTokens.Plain(tokenizer, prompt.Text);
            Assert.Equal(prompt.Ids, tokens.Ids);
            Assert.Equal(Enumerable.Range(0, prompt.Ids.Length), tokens.KeptPositions());
        });
    }

    [Fact]
    public void Some_checkpoint_has_prompts_to_compare() =>
        Assert.Contains(Checkpoints, checkpoint => Prompts(checkpoint.Data, "ids_with_instruction").Length > 0);

    private static ComplexHumanInstruction Instruction(string checkpoint, out GemmaTokenizer tokenizer)
    {
        var folder = Path.Combine(Fixtures.Sana, "checkpoints", checkpoint);
        tokenizer = GemmaTokenizer.Load(Path.Combine(folder, "tokenizer"));
        return ComplexHumanInstruction.Load(folder, tokenizer)!;
    }

    private static (string Text, int[] Ids)[] Prompts(string checkpoint, string key)
    {
        var expected = Expected(checkpoint);
        if (!expected.TryGetProperty("prompts", out var prompts) || !expected.TryGetProperty(key, out var ids)) return [];
        return [.. ids.EnumerateObject().Select(prompt => (prompts.GetProperty(prompt.Name).GetString()!, prompt.Value.Ints()))];
    }

    private static JsonElement Expected(string checkpoint) => JsonElement.Parse(File.ReadAllBytes(Path.Combine(Fixtures.Sana, "expected", checkpoint + ".json")));
}
