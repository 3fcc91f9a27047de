using System.Diagnostics;

namespace TinySana.Training;

/// <summary>A verb in a process of its own: LibTorch has one random state and one number of threads a process. It ends when the process that began it does, however that ended.</summary>
internal static class TrainingProcess
{
    // Set in the processes begun here: each watches its input, which closes when nobody is left at the other end.
    private const string IsWatching = "TINYSANA_ENDS_WITH_INPUT";

    // Said at every convolution where NNPACK knows too little of the processor; another library does the work then. LibTorch has no switch for it.
    private const string Noise = "Could not initialize NNPACK";

    /// <summary>Whether this is such a process.</summary>
    public static bool IsThis => Environment.GetEnvironmentVariable(IsWatching) is not null;

    /// <returns>The exit code; what it prints is printed with the verb before each line.</returns>
    public static int Run(string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, nameof(TinySana)), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[IsWatching] = "1";

        // A step's tensors are large: by default each is mapped anew, zeroed by the kernel, and given back at once.
        start.Environment["MALLOC_MMAP_MAX_"] = "0";
        start.Environment["MALLOC_TRIM_THRESHOLD_"] = "8000000000";

        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Print(Console.Out, line.Data);
        process.ErrorDataReceived += (_, line) => Print(Console.Error, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.WaitForExit();
        return process.ExitCode;

        void Print(TextWriter to, string? line)
        {
            if (line is not null && !line.Contains(Noise, StringComparison.Ordinal))
                to.WriteLine($"{arguments[0]}: {line}");
        }
    }

    /// <summary>Called first thing: in a process begun by <see cref="Run"/> it starts to watch.</summary>
    public static void EndWithParent()
    {
        if (!IsThis)
            return;

        var watch = new Thread(() =>
        {
            _ = Console.In.ReadToEnd();
            Process.GetCurrentProcess().Kill();
        })
        { IsBackground = true };
        watch.Start();
    }
}
