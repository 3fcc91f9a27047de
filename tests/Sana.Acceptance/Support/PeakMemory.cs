using System.Diagnostics;
using System.Globalization;

namespace Sana.Acceptance.Support;

/// <summary>The most memory that a process had resident, as the kernel keeps it.</summary>
internal static class PeakMemory
{
    /// <summary>Bytes, when the process has ended: its status is read again and again until it is gone.</summary>
    public static async Task<long> Of(Process process)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var peak = 0L;
        while (!process.HasExited && await tick.WaitForNextTickAsync())
            peak = Math.Max(peak, Read(process.Id));
        return peak;
    }

    private static long Read(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
