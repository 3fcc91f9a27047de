using Sana.Inference;
using Sana.Inference.Text;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Text;

public sealed class ComplexHumanInstructionTests
{
    private static readonly GemmaTokenizer _tiny = TinyTokenizer.Load(static _ => { });

    [Fact]
    public void Lines_are_joined_and_the_budget_is_theirs_and_298_more()
    {
        var instruction = Load("""["x", "y "]""")!;

        Assert.Equal("x\ny ", instruction.Text);
        Assert.Equal((_tiny.Encode("x\ny ").Length, instruction.Tokens + 298), (instruction.Tokens, instruction.MaxTokens));
    }

    [Fact]
    public void The_border_merges_so_all_but_the_last_token_are_shared()
    {
        var instruction = Load("""["x", "y "]""")!;

        var tokens = instruction.Encode("  ABC ");

        Assert.Equal(_tiny.Encode("x\ny abc"), tokens.Ids);
        Assert.Equal(instruction.Tokens - 1, tokens.SharedPrefix);
        Assert.Equal([0, .. Enumerable.Range(instruction.Tokens - 1, tokens.Ids.Length - instruction.Tokens + 1)], tokens.KeptPositions());
    }

    [Fact]
    public void A_merge_that_reaches_into_the_instruction_shortens_the_shared_prefix()
    {
        var instruction = Load("""["xab"]""")!; // x|ab, with c: x|abc

        var tokens = instruction.Encode("c");

        Assert.Equal((2, 2, 2), (tokens.SharedPrefix, instruction.Tokens - 1, tokens.KeptCount));
    }

    [Fact]
    public void A_prompt_of_300_tokens_fits_and_one_more_is_cut()
    {
        var instruction = Load("""["x "]""")!; // the prompt's first token merges with the space, so 300 positions hold <bos> and 299 tokens

        var (fits, cut) = (instruction.Encode("a" + new string('x', 298)), instruction.Encode("a" + new string('x', 299)));

        Assert.Equal((300, false), (fits.KeptCount, fits.Truncated));
        Assert.Equal((300, true), (cut.KeptCount, cut.Truncated));
        Assert.Equal(fits.Ids, cut.Ids);
    }

    [Fact]
    public void A_plain_prompt_keeps_every_position_of_at_most_300()
    {
        var (empty, cut) = (TextTokens.Plain(_tiny, " "), TextTokens.Plain(_tiny, new string('x', 300)));

        Assert.Equal((1, 0, false), (empty.KeptCount, empty.SharedPrefix, empty.Truncated));
        Assert.Equal((300, 301, true), (cut.KeptCount, cut.UncutTokens, cut.Truncated));
    }

    [Fact]
    public void An_empty_list_turns_the_instruction_off() => Assert.Null(Load("[]"));

    [Theory]
    [InlineData("{}")]
    [InlineData("[7]")]
    [InlineData("[\"x\"")]
    public void A_broken_file_is_refused_by_name(string content)
    {
        var refusal = Assert.Throws<InferenceException>(() => Load(content));

        Assert.Contains("complex_human_instruction.json", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_instruction_of_a_book_is_refused()
    {
        var refusal = Assert.Throws<InferenceException>(() => Load($"[\"{new string('x', 10_000)}\"]"));

        Assert.Contains("10,001", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_vocabulary_without_its_own_instruction_is_told_how_to_go_on()
    {
        using var checkpoint = new TempFolder();

        var refusal = Assert.Throws<InferenceException>(() => ComplexHumanInstruction.Load(checkpoint.Path, _tiny));

        Assert.Contains("add the file", refusal.Message, StringComparison.Ordinal);
    }

    private static ComplexHumanInstruction? Load(string json)
    {
        using var checkpoint = new TempFolder();
        File.WriteAllText(checkpoint.File("complex_human_instruction.json"), json);
        return ComplexHumanInstruction.Load(checkpoint.Path, _tiny);
    }
}
