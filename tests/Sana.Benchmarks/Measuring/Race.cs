using System.Diagnostics;
using System.Globalization;

namespace Sana.Benchmarks.Measuring;

/// <summary>
/// Several ways to do comparable work, timed in turns: every round runs each once, so that a ratio compares two runs that met the same
/// machine. A machine that others use, or that changes its clock, shows in the seconds and cancels in the ratios.
/// </summary>
internal sealed class Race
{
    private readonly double[][] _seconds; // [entrant][round]

    private Race(double[][] seconds) => _seconds = seconds;

    public static Race Run(int rounds, IReadOnlyList<Action> entrants)
    {
        foreach (var entrant in entrants)
        {
            entrant(); // the first run allocates and compiles
        }

        var seconds = entrants.Select(_ => new double[rounds]).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < entrants.Count; i++)
            {
                var start = Stopwatch.GetTimestamp();
                entrants[i]();
                seconds[i][round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }

        return new Race(seconds);
    }

    /// <summary>The shortest run.</summary>
    public double Seconds(int entrant) => _seconds[entrant].Min();

    /// <summary>What one entrant took for what another took, round by round.</summary>
    /// <param name="entrant">The one to judge.</param>
    /// <param name="to">The one that counts as 1.</param>
    /// <param name="work">How much more work the first did; 1 for the same work.</param>
    public Ratio Ratio(int entrant, int to, double work = 1)
    {
        var ratios = _seconds[entrant].Zip(_seconds[to], (a, b) => a / b / work).Order().ToArray();
        return new Ratio((ratios[(ratios.Length - 1) / 2] + ratios[ratios.Length / 2]) / 2, ratios[0]);
    }
}

/// <summary>A ratio over the rounds of a race.</summary>
/// <param name="Median">Of the pairs.</param>
/// <param name="Minimum">Of the pairs.</param>
internal readonly record struct Ratio(double Median, double Minimum)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Median:0.00} (min {Minimum:0.00})");
}
