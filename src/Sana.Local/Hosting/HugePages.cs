using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Local.Hosting;

/// <summary>
/// Memory of large networks in pages of 2 MB. On most systems a process must ask for them, and glibc does so only if <c>GLIBC_TUNABLES</c> says so when the process starts; the program therefore
/// starts itself once more, in the same process, before it has opened anything. Without them a network of 9 GB costs 8 million page faults, which take longer than the image.
/// </summary>
internal static partial class HugePages
{
    /// <summary>Bytes of weights from which it is done. The second start takes some tenths of a second.</summary>
    public const long LargeBytes = 1_000_000_000;

    private const string Variable = "GLIBC_TUNABLES";
    private const string Tunable = "glibc.malloc.hugetlb"; // glibc from 2.35 on; others ignore it
    private const string Kernel = "/sys/kernel/mm/transparent_hugepage/enabled";

    /// <summary>Returns if there is nothing to do, or if the system refuses. Who sets <c>glibc.malloc.hugetlb</c> in <c>GLIBC_TUNABLES</c> decides.</summary>
    /// <param name="checkpoint">Folder or repository; null for none.</param>
    public static void UseFor(string? checkpoint)
    {
        var tunables = Environment.GetEnvironmentVariable(Variable);
        if (checkpoint is null || tunables?.Contains(Tunable, StringComparison.Ordinal) == true || !AreOnDemand || !IsLarge(checkpoint))
            return;

        var all = string.IsNullOrEmpty(tunables) ? $"{Tunable}=1" : $"{tunables}:{Tunable}=1";
        string[] environment = [.. Words("/proc/self/environ").Where(word => !word.StartsWith($"{Variable}=", StringComparison.Ordinal)), $"{Variable}={all}"];
        if (File.ResolveLinkTarget("/proc/self/exe", returnFinalTarget: false) is { } program)
            _ = Execute(program.FullName, [.. Words("/proc/self/cmdline"), null], [.. environment, null]);
    }

    /// <summary>Whether the kernel gives huge pages to those who ask for them, and to nobody else.</summary>
    internal static bool AreOnDemand => File.Exists(Kernel) && File.ReadAllText(Kernel).Contains("[madvise]", StringComparison.Ordinal);

    // What a repository holds is known when it is here; it is taken as large.
    private static bool IsLarge(string checkpoint) => !Directory.Exists(checkpoint)
        || Directory.EnumerateFiles(checkpoint, "*.safetensors", SearchOption.AllDirectories).Sum(file => (File.ResolveLinkTarget(file, returnFinalTarget: true) as FileInfo ?? new FileInfo(file)) is { Exists: true } weights ? weights.Length : 0) >= LargeBytes;

    private static string[] Words(string file) => Encoding.UTF8.GetString(File.ReadAllBytes(file)).Split('\0') is [.. var words, ""] ? words : [];

    [LibraryImport("libc", EntryPoint = "execve", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string program, string?[] arguments, string?[] environment);
}
