using Sana.Curation.Report;
using Xunit;

namespace Sana.Tests.Report;

public sealed class HtmlTests
{
    [Fact]
    public void What_is_put_in_is_encoded_and_markup_is_not()
    {
        var inner = Html.Of($"<b>{"a<b>&\"'"}</b>");

        Assert.Equal("<p><b>a&lt;b&gt;&amp;&quot;&#x27;</b> 1,234</p>", Html.Of($"<p>{inner} {1234:N0}</p>").Text);
    }
}
