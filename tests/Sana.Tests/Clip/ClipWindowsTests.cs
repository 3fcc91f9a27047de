using CsCheck;
using Sana.Inference.Clip;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class ClipWindowsTests
{
    private const int Start = -1;
    private const int End = -2;

    [Fact]
    public void Windows_are_full_and_cover_the_whole_text() =>
        Gen.Select(Gen.Int[0, 3000], Gen.Int[3, 77]).Where((text, context) => text <= ClipWindows.MaxWindows * (context - 2)).Sample((text, context) =>
        {
            var windows = Cut(text, context);

            Assert.All(windows, window => Assert.Equal((Start, End), (window[0], window[^1])));
            Assert.Equal(Enumerable.Range(0, text), windows.SelectMany(window => window[1..^1]).Distinct().Order());
            if (text + 2 > context)
            {
                Assert.All(windows, window => Assert.Equal(context, window.Length));
                Assert.Equal(Enumerable.Range(0, context - 2), windows[0][1..^1]);
                Assert.Equal((text + context - 3) / (context - 2), windows.Length);
            }
            else
            {
                Assert.Single(windows);
            }
        });

    [Fact]
    public void A_very_long_text_is_read_at_a_bounded_number_of_places()
    {
        var windows = Cut(1_000_000, 77);

        Assert.Equal(ClipWindows.MaxWindows, windows.Length);
        Assert.Equal((0, 999_999), (windows[0][1], windows[^1][^2]));
    }

    private static int[][] Cut(int text, int context) => ClipWindows.Cut([Start, .. Enumerable.Range(0, text), End], context, Start, End);
}
