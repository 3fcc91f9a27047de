using Sana.Local.Evaluation;
using Xunit;

namespace Sana.Tests.Evaluation;

public sealed class FigureTests
{
    [Theory]
    [InlineData(0, 10, 0, 0.2775)] // Newcombe 1998, and Wilson's formula by hand
    [InlineData(10, 10, 0.7225, 1)]
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    public void Intervals_are_those_of_the_literature(int met, int images, double low, double high)
    {
        var figure = Figure.Of([.. Enumerable.Range(0, images).Select(i => i < met)], scores: null);

        Assert.Equal((met, images), (figure.Met, figure.Images));
        Assert.Equal(low, figure.Low, 3);
        Assert.Equal(high, figure.High, 3);
    }

    [Fact]
    public void Scores_of_images_that_are_not_there_are_left_out()
    {
        var figure = Figure.Of([true, false, true], [20, double.NaN, 30], frechet: 0.5);

        Assert.Equal((25, 7.0711, 0.5), (figure.ClipScore, figure.ClipDeviation, figure.Frechet));
        Assert.Null(Figure.Of([true], scores: null).ClipScore);
    }
}
