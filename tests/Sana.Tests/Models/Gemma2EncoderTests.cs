using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Models;

/// <summary>The graph against the network written out in doubles. float32 differs from it by about 1e-6 of the largest value.</summary>
public sealed class Gemma2EncoderTests
{
    private const double Tolerance = 2e-5;

    private static readonly int[] _ids = [2, 17, 45, 45, 9, 201, 30, 4, 77, 256, 11, 3];

    [Theory]
    [InlineData(1, 4096)]
    [InlineData(3, 4096)]
    [InlineData(1, 5)] // text of 12 tokens: its end does not see its beginning
    [InlineData(3, 5)]
    [InlineData(2, 1)]
    public void Tokens_see_what_the_window_shows(int layers, int window)
    {
        using var gemma = new TinyGemma(layers, window);
        using var encoder = gemma.Encoder();

        var hidden = encoder.Encode(_ids);

        Close.To([.. PlainGemma.Encode(gemma, _ids).SelectMany(row => row).Select(value => (float)value)], hidden.Data, Tolerance);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(11)]
    public void A_remembered_prefix_is_behind_the_window_too(int prefix)
    {
        using var gemma = new TinyGemma(layers: 3, slidingWindow: 5);
        using var encoder = gemma.Encoder();
        using var remembered = encoder.Remember(_ids.AsSpan(0, prefix));

        var rest = encoder.Encode(remembered, _ids.AsSpan(prefix));

        Close.To([.. PlainGemma.Encode(gemma, _ids).Skip(prefix).SelectMany(row => row).Select(value => (float)value)], rest.Data, Tolerance);
    }

    [Fact]
    public void The_window_changes_what_comes_out()
    {
        using var wide = new TinyGemma(layers: 1);
        using var narrow = new TinyGemma(layers: 1, slidingWindow: 5);
        using var seesAll = wide.Encoder();
        using var seesFive = narrow.Encoder();

        var (all, five) = (seesAll.Encode(_ids).Data, seesFive.Encode(_ids).Data);

        var shown = 5 * wide.Config.HiddenSize; // the first five tokens see the same either way
        Close.To(all.AsSpan(0, shown), five.AsSpan(0, shown), Tolerance);
        Assert.True(all.Skip(shown).Zip(five.Skip(shown), (a, b) => Math.Abs(a - b)).Max() > 0.01f);
    }
}
