using System.Diagnostics;
using System.Globalization;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Safetensors;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Builds the graphs of Sana-1.6B with its text encoder and measures seconds for 10 GB of weights, written bytes and peak memory.
/// The weights are holes in sparse files, because a build reads only headers.
/// </summary>
internal static class BuildBenchmark
{
    public static void Run(int rounds)
    {
        Markdown.Text(
            "Sana-1.6B in float32, Gemma-2-2B in bfloat16, DC-AE: a new checkpoint and a new process each time. "
            + "The seconds are those of the build alone, in a process that has not run it before. Limits: 2 s for 10 GB, 1 MB, 150 MB.");
        Markdown.Table(
            ["build", "weights, GB", "s for 10 GB", "written, kB", "peak memory, MB"],
            Enumerable.Range(1, rounds).Select(round =>
            {
                using var folder = new TempFolder();
                var weights = new SyntheticWeights(seed: 0, hollow: true);
                SyntheticCheckpoint.Write(folder.Path, "1.6B", TensorType.F32, variant: null, weights);
                var before = Bytes(folder);
                var (seconds, peak) = InAnotherProcess(folder.Path);
                return (string[])
                [
                    $"{round}", Number(weights.Written / 1e9), Number(seconds * 1e10 / weights.Written), Number((Bytes(folder) - before) / 1e3), Number(peak / 1e6),
                ];
            }));
    }

    /// <summary>Builds one checkpoint and prints its seconds and the peak memory of this process in bytes.</summary>
    public static int Once(string folder)
    {
        var start = Stopwatch.GetTimestamp();
        SanaCheckpoint.Build(folder, new BuildOptions { Force = true });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds} {Memory.Peak}"));
        return 0;
    }

    private static (double Seconds, double PeakBytes) InAnotherProcess(string folder)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["build", "--checkpoint", folder]) { RedirectStandardOutput = true })!;
        var words = process.StandardOutput.ReadToEnd().Split(' ');
        process.WaitForExit();
        return process.ExitCode == 0
            ? (double.Parse(words[0], CultureInfo.InvariantCulture), double.Parse(words[1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"The build of {folder} ended with exit code {process.ExitCode}.");
    }

    private static long Bytes(TempFolder folder) =>
        new DirectoryInfo(folder.Path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static string Number(double value) => value.ToString(value < 100 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
