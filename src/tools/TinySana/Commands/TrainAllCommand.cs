using System.Diagnostics;
using System.Globalization;

namespace TinySana.Commands;

/// <summary>
/// The command <c>all</c>: trains everything and writes the folders in <c>models</c>. If it was interrupted, it continues from the last checkpoints.
/// </summary>
internal static class TrainAllCommand
{
    // Each command needs the result of the one before it. Their steps are too small for two threads, so the two sequences run side by side.
    private static readonly string[][] SideBySide = [["text", "autoencoder", "latents"], ["captioners", "clip", "judges"]];

    // The steps of the transformer are large enough for two threads.
    private static readonly string[] Afterwards = ["transformer 2", "lora", "check"];

    public static int Run(string[] arguments)
    {
        var sequences = SideBySide.Select(sequence => Task.Run(() => Follow(sequence)));
        var failure = Task.WhenAll(sequences).GetAwaiter().GetResult().FirstOrDefault(exit => exit is not 0);
        return failure is not 0 ? failure : Follow(Afterwards);
    }

    private static int Follow(string[] sequence)
    {
        foreach (var command in sequence)
        {
            var clock = Stopwatch.StartNew();
            if (TrainingProcess.Run(command.Split(' ')) is var exit and not 0)
                return exit;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{command}: {clock.Elapsed.TotalMinutes:0.0} minutes"));
        }

        return 0;
    }
}

/// <summary>
/// Runs a command in a process of its own, because LibTorch has one random state and one number of threads for a process.
/// The process ends when its parent ends, even if that is killed.
/// </summary>
internal static class TrainingProcess
{
    // Set in the processes that Run starts. They watch their standard input, which closes when the parent ends.
    private const string IsWatching = "TINYSANA_ENDS_WITH_INPUT";

    // LibTorch prints this at every convolution on processors that NNPACK does not support, where it uses another library. It cannot be switched off.
    private const string Noise = "Could not initialize NNPACK";

    /// <summary>Whether Run has started this process.</summary>
    public static bool IsThis => Environment.GetEnvironmentVariable(IsWatching) is not null;

    /// <returns>The exit code. The output of the process is printed with the command's name before each line.</returns>
    public static int Run(string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, nameof(TinySana)), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[IsWatching] = "1";

        // Keep the memory of freed tensors: by default malloc maps large blocks again each time, and the kernel fills them with zeros.
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

    /// <summary>Must be called first. In a process that <see cref="Run"/> has started, it ends the process when the parent ends.</summary>
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
