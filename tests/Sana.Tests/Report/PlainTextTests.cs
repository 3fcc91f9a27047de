using Sana.Curation.Report;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Report;

public sealed class PlainTextTests
{
    [Fact]
    public void Marks_that_turn_text_are_written_out() => Assert.Equal("safe[U+202E]txt.exe[U+2066] [U+200F]", PlainText.Visible(HostileReportRows.Bidi));

    [Fact]
    public void Controls_are_written_out() => Assert.Equal("nul[U+0000] bell[U+0007] escape[U+001B][31m delete[U+007F] line[U+2028]end", PlainText.Visible(HostileReportRows.Controls));

    [Theory]
    [InlineData("a line\nand\tanother")]
    [InlineData("تظهر الصورة شجرة")]
    [InlineData("👩‍👩‍👧 山頂 ñ z̈")]
    [InlineData("")]
    public void Text_that_only_says_something_stays(string text) => Assert.Equal(text, PlainText.Visible(text));

    [Fact]
    public void Half_a_letter_becomes_the_replacement_mark() => Assert.Equal("a\uFFFDb\uFFFD", PlainText.Visible("a\uD83Db\uDE00"));

    [Fact]
    public void Markup_is_encoded_and_scripts_of_the_world_are_not() => Assert.Equal("&lt;b a=&#x27;&quot;&#x27;&gt;&amp; 山 й", PlainText.Encode("<b a='\"'>& 山 й"));

    [Theory]
    [InlineData("12345", 5, "12345")]
    [InlineData("123456", 5, "12345… (1 more)")]
    [InlineData("1234😀", 5, "1234… (2 more)")]
    [InlineData(null, 5, null)]
    public void A_cut_text_says_what_is_missing_and_breaks_no_letter(string? text, int limit, string? cut) => Assert.Equal(cut, PlainText.Cut(text, limit));

    [Fact]
    public void What_is_put_into_markup_is_encoded_and_markup_is_not()
    {
        var inner = Html.Of($"<b>{"a<b>&\"'"}</b>");

        Assert.Equal("<p><b>a&lt;b&gt;&amp;&quot;&#x27;</b> 1,234</p>", Html.Of($"<p>{inner} {1234:N0}</p>").Text);
    }
}
