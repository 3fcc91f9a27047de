using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Shipped;

public sealed class TinySanaTokenizerTests
{
    private static readonly string Checkpoint = Path.Combine(Repository.Root, "models", "tiny-sana");
    private static readonly GemmaTokenizer Tokenizer = GemmaTokenizer.Load(Path.Combine(Checkpoint, "tokenizer"));

    [Theory]
    [InlineData("a large red circle to the left of a small teal square", 12)]
    [InlineData("three pink triangles", 3)]
    [InlineData("a still life of four black crosses on a pale green striped background", 13)]
    public void A_word_of_the_grammar_is_one_token(string caption, int words)
    {
        var ids = Tokenizer.Encode(caption);

        Assert.Equal(1 + words, ids.Length);
        Assert.Equal(caption, Tokenizer.Decode(ids));
    }

    [Fact]
    public void No_token_spans_two_words()
    {
        var tokens = Enumerable.Range(0, Tokenizer.VocabularySize).Select(id => Tokenizer.Decode([id]));

        Assert.DoesNotContain(tokens, token => token.IndexOf(' ', StringComparison.Ordinal) > 0);
    }

    [Fact]
    public void Behind_the_instruction_a_prompt_begins_with_a_space()
    {
        var instruction = ComplexHumanInstruction.Load(Checkpoint, Tokenizer)!;

        var tokens = instruction.Encode("Red star");

        Assert.InRange(instruction.Tokens, 20, 60);
        Assert.Equal(" red star", Tokenizer.Decode(tokens.Ids.AsSpan(tokens.FirstKept)));
        Assert.Equal(3, tokens.KeptCount);
    }

    [Fact]
    public void What_the_grammar_lacks_comes_in_pieces_and_back_whole()
    {
        const string text = "Ein Émeu, 7 µm \"breit\" 🌙";

        Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text)));
    }
}
