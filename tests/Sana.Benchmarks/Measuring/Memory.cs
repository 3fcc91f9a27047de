using System.Globalization;

namespace Sana.Benchmarks.Measuring;

/// <summary>Resident memory of this process, as Linux counts it.</summary>
internal static class Memory
{
    public static long Now => Read("VmRSS:");

    /// <summary>The most there was since the process began, or since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Read("VmHWM:");

    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    private static long Read(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture);
    }
}
