using CsCheck;
using Sana.Inference.Text;
using Xunit;

namespace Sana.Tests.Text;

public sealed class PromptCleanerTests
{
    // Right sides: Python 3.11, str.lower().strip().
    [Theory]
    [InlineData("  A CAT ", "a cat")]
    [InlineData("ΟΔΥΣΣΕΥΣ", "οδυσσευς")]
    [InlineData("Σ", "σ")]
    [InlineData("ΑΣ.", "ας.")]
    [InlineData("ΑΣ.Β", "ασ.β")]
    [InlineData("A\u00ADΣ\u0301", "a\u00ADς\u0301")]
    [InlineData("A'Σ:", "a'ς:")]
    [InlineData("1Σ", "1σ")]
    [InlineData("ⅣΣ", "ⅳς")]
    [InlineData("ªΣ", "ªς")]
    [InlineData("ⒶΣ", "ⓐς")]
    [InlineData("\U0001F130Σ", "\U0001F130ς")]
    [InlineData("ΑΣΣ Σ", "ασς σ")]
    [InlineData("İX", "i\u0307x")]
    [InlineData("\u001C\u001FA\u001E ", "a")]
    [InlineData("\u3000Hi\u2028", "hi")]
    [InlineData("\u200BA\uFEFF", "\u200Ba\uFEFF")]
    [InlineData("A\u180E", "a\u180E")]
    [InlineData("𐐀STRAẞE", "𐐨straße")]
    public void Cleaning_is_lower_and_strip_of_python(string prompt, string cleaned) => Assert.Equal(cleaned, PromptCleaner.Clean(prompt));

    [Fact]
    public void Lone_surrogates_become_replacement_characters() => Assert.Equal("a\uFFFDb\uFFFD", PromptCleaner.Clean("A\uD83DB\uDC36"));

    [Fact]
    public void Cleaning_twice_changes_nothing() => Gen.String.Sample(text => PromptCleaner.Clean(PromptCleaner.Clean(text)) == PromptCleaner.Clean(text));
}
