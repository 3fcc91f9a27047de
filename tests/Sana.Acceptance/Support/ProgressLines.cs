using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Sana.Acceptance.Support;

/// <summary>The lines of progress that a command writes where stderr is no terminal.</summary>
internal static partial class ProgressLines
{
    /// <summary>What is on stderr beside progress, which a slow machine writes and a fast one does not.</summary>
    public static string Without(string error) => Line().Replace(error, "");

    /// <summary>There are some; those of a stage never count down, and the last of each stage is at its total.</summary>
    public static void EndAtTheirTotals(string error, params string[] titles)
    {
        var lines = Line().Matches(error);
        // Which of several jobs says something first is chance.
        Assert.Equal(titles.Order(StringComparer.Ordinal), lines.Select(line => line.Groups["title"].Value).Distinct().Order(StringComparer.Ordinal));
        foreach (var stage in lines.GroupBy(line => (line.Groups["title"].Value, line.Groups["stage"].Value)))
        {
            int[] done = [.. stage.Select(line => int.Parse(line.Groups["done"].Value, CultureInfo.InvariantCulture))];
            Assert.Equal(done.Order(), done);
            Assert.Equal(stage.Last().Groups["total"].Value, stage.Last().Groups["done"].Value);
        }
    }

    [GeneratedRegex(@"^(?<title>[\w-]+): (?<stage>\w+) (?<done>\d+)/(?<total>\d+)(, \d+ failed)?(\n|\z)", RegexOptions.Multiline)]
    private static partial Regex Line();
}
