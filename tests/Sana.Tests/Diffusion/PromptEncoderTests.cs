using System.Text.Json.Nodes;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Parity;
using Sana.Tests.Support;
using Sana.Tests.Text;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>The instruction's keys and values are cached: what comes out is what the encoder gives for all ids at the kept positions.</summary>
public sealed class PromptEncoderTests : IDisposable
{
    private readonly TinyGemma _gemma = new(layers: 2);
    private readonly TextEncoder _encoder;

    public PromptEncoderTests() => _encoder = _gemma.Encoder();

    public void Dispose()
    {
        _encoder.Dispose();
        _gemma.Dispose();
    }

    [Theory]
    [InlineData("xy ", "abc")] // the border merges: all but the instruction's last token are shared
    [InlineData("xy ", "")]
    [InlineData("x", "q")]
    [InlineData("xab", "c defg")] // reaches into the last token only
    [InlineData("xzzba", "bz q")] // reaches over the last two: fewer ids are shared than are cut off
    [InlineData("xzzba", "b")] // and leaves fewer ids than the instruction has
    public void Cached_instruction_is_the_plain_form(string lines, string prompt)
    {
        var tokenizer = ReachingTokenizer();
        var instruction = Instruction(tokenizer, lines);
        using var encoder = new PromptEncoder(tokenizer, () => instruction, _gemma.Encoder(), capacity: 0);
        var tokens = instruction.Encode(prompt);

        var (first, second) = (encoder.Encode(prompt, useInstruction: true).Embeddings, encoder.Encode(prompt, useInstruction: true).Embeddings);

        var plain = Selected(_encoder.Encode(tokens.Ids), tokens);
        Assert.Equal(plain.Shape, first.Shape);
        Close.To(plain.Data, first.Data, ReferenceCheckpoint.NetworkTolerance);
        Assert.Equal(first.Data, second.Data);
    }

    [Fact]
    public void A_vocabulary_can_reach_further_back_than_the_last_token()
    {
        var instruction = Instruction(ReachingTokenizer(), "xzzba");

        var tokens = instruction.Encode("bz q");

        Assert.True(tokens.SharedPrefix < tokens.FirstKept, $"{tokens.SharedPrefix} ids are shared, {tokens.FirstKept} would be cached.");
    }

    [Fact]
    public void A_recent_prompt_is_not_encoded_again()
    {
        var tokenizer = ReachingTokenizer();
        using var encoder = new PromptEncoder(tokenizer, () => null, _gemma.Encoder(), capacity: 2);

        var first = encoder.Encode("one", useInstruction: false);
        encoder.Encode("two", useInstruction: false);

        Assert.Same(first, encoder.Encode("one", useInstruction: false));
        encoder.Encode("three", useInstruction: false);
        Assert.NotSame(first, encoder.Encode("one", useInstruction: false));
    }

    // a|b joins before b|b does: "ba" + "b" is b|ab, and with "z" before it the joins run on: zb, then zbab.
    private static GemmaTokenizer ReachingTokenizer() => TinyTokenizer.Load(json =>
    {
        var vocabulary = json["model"]!["vocab"]!.AsObject();
        vocabulary["bab"] = vocabulary.Count;
        vocabulary["zbab"] = vocabulary.Count;
        json["model"]!["merges"] = new JsonArray("▁ a", "a b", "c c", "ab c", "b ab", "z bab");
    });

    private static ComplexHumanInstruction Instruction(GemmaTokenizer tokenizer, string line)
    {
        using var checkpoint = new TempFolder();
        File.WriteAllText(checkpoint.File("complex_human_instruction.json"), new JsonArray(line).ToJsonString());
        return ComplexHumanInstruction.Load(checkpoint.Path, tokenizer)!;
    }

    private static FloatTensor Selected(FloatTensor hidden, TextTokens tokens)
    {
        var channels = (int)hidden.Shape[1];
        return new FloatTensor([.. tokens.KeptPositions().SelectMany(at => hidden.Data.AsSpan(at * channels, channels).ToArray())], tokens.KeptCount, channels);
    }
}
