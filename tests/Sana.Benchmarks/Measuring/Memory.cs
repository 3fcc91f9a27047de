using System.Globalization;

namespace Sana.Benchmarks.Measuring;

/// <summary>Resident memory of this process, as Linux counts it.</summary>
internal static class Memory
{
    public static long Now => Read("VmRSS:");

    /// <summary>The most there was since the process began, or since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Read("VmHWM:");

    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    /// <summary>The most another process had so far; 0 when it has ended.</summary>
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
