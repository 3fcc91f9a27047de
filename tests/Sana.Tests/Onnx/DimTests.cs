using Sana.GraphBuilder.Onnx;
using Xunit;

namespace Sana.Tests.Onnx;

public sealed class DimTests
{
    private static readonly Dim _height = Dim.Symbolic("height");
    private static readonly Dim _width = Dim.Symbolic("width");

    [Fact]
    public void Products_are_one_number_and_symbols_in_order()
    {
        Assert.Equal("6*height*width", $"{_width * 2 * _height * 3}");
        Assert.Equal(_height * _width, _width * _height);
        Assert.Equal((Dim)12, (Dim)3 * 4);
        Assert.NotEqual(_height * 2, _height);
    }

    [Fact]
    public void Division_takes_from_the_number_and_refuses_a_rest()
    {
        Assert.Equal(_height * 4, _height * 32 / 8);
        Assert.Contains("12*height is not divisible by 8", Assert.Throws<ShapeException>(() => _height * 12 / 8).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => _height / 2);
    }

    [Fact]
    public void Sums_of_numbers_are_numbers_and_of_symbols_a_symbol()
    {
        Assert.Equal((Dim)7, (Dim)3 + 4);
        Assert.Equal("height+3", $"{_height + 3}");
        Assert.False((_height + _width).IsFixed);
    }
}
