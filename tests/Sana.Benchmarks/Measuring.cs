using System.Diagnostics;
using System.Globalization;

namespace Sana.Benchmarks;

/// <summary>
/// Times several ways to do comparable work.
/// Every round runs each of them once, so a ratio compares two runs under the same conditions: other load and changes of the clock rate affect the seconds but
/// not the ratios.
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

    /// <summary>The time of the shortest run.</summary>
    public double Seconds(int entrant) => _seconds[entrant].Min();

    /// <summary>The time of one entrant relative to that of another, round by round.</summary>
    /// <param name="entrant">The index of the first.</param>
    /// <param name="to">The index of the second.</param>
    /// <param name="work">The work of the first relative to that of the second; 1 for the same work.</param>
    public Ratio Ratio(int entrant, int to, double work = 1)
    {
        var ratios = _seconds[entrant].Zip(_seconds[to], (a, b) => a / b / work).Order().ToArray();
        return new Ratio((ratios[(ratios.Length - 1) / 2] + ratios[ratios.Length / 2]) / 2, ratios[0]);
    }
}

/// <summary>A ratio over the rounds of a race.</summary>
/// <param name="Median">Median over the rounds.</param>
/// <param name="Minimum">Minimum over the rounds.</param>
internal readonly record struct Ratio(double Median, double Minimum)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Median:0.00} (min {Minimum:0.00})");
}

/// <summary>What the figures depend on.</summary>
internal static class Machine
{
    /// <summary>Cores, model and instruction sets.</summary>
    public static string Describe()
    {
        var lines = File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0).Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries)).ToArray();
        var flags = lines.First(line => line[0] == "flags")[1].Split(' ').ToHashSet(StringComparer.Ordinal);
        string[] known = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"];
        var (has, lacks) = (known.Where(flags.Contains), known.Where(flag => !flags.Contains(flag)).ToArray());
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} cores, {lines.First(line => line[0] == "model name")[1]}, {string.Join(", ", has)}{(lacks.Length == 0 ? "" : $"; not {string.Join(", ", lacks)}")}; {memory:0} GB");
    }
}

/// <summary>Results as Markdown on standard output.</summary>
internal static class Markdown
{
    public static void Text(string paragraph)
    {
        Console.WriteLine(paragraph);
        Console.WriteLine();
    }

    public static void Table(string[] header, IEnumerable<string[]> rows)
    {
        Row(header);
        Row([.. header.Select((_, column) => column == 0 ? "---" : "---:")]);
        foreach (var row in rows)
        {
            Row(row);
        }

        Console.WriteLine();
    }

    private static void Row(string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells)} |");
}

/// <summary>Resident memory of this process, as Linux counts it.</summary>
internal static class Memory
{
    public static long Now => Read("VmRSS:");

    /// <summary>The peak since the start of the process, or since <see cref="ResetPeak"/>.</summary>
    public static long Peak => Read("VmHWM:");

    public static void ResetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    /// <summary>The peak of another process so far; 0 if it has ended.</summary>
    public static long PeakOf(int process)
    {
        try
        {
            return Read("VmHWM:", $"/proc/{process}/status");
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            return 0;
        }
    }

    private static long Read(string field, string status = "/proc/self/status")
    {
        var line = File.ReadLines(status).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture);
    }
}
