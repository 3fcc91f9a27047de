using System.Globalization;

namespace Sana.Jobs.Worker;

/// <summary>Which process it was: by its machine, the machine's start, and its number with the time it was started, since numbers are given again.</summary>
/// <param name="Machine">The machine's name; a container has its own.</param>
/// <param name="Boot">The kernel's id of this start of the machine; empty where there is none.</param>
/// <param name="Process">The process's number.</param>
/// <param name="Started">Ticks from the machine's start to the process's; 0 where that cannot be told.</param>
internal sealed record ProcessPlace(string Machine, string Boot, int Process, long Started)
{
    /// <summary>This process.</summary>
    public static ProcessPlace Current { get; } = new(Environment.MachineName, ReadBoot(), Environment.ProcessId, StartOf(Environment.ProcessId));

    /// <summary>Whether a process that left an attempt open needs not have died of it: its machine was started again, or it lives.</summary>
    public bool Excuses(ProcessPlace? other) =>
        other is not null && other.Machine == Machine && (other.Boot != Boot || StartOf(other.Process) == other.Started);

    private static string ReadBoot()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Field 22 of the process's status, behind the name, which may hold blanks; -1 when there is no such process.</summary>
    private static long StartOf(int process)
    {
        try
        {
            var status = File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat");
            return long.Parse(status[(status.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return -1;
        }
    }
}
