using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Sana.Benchmarks;

/// <summary>The benchmarks, in the order in which <c>all</c> runs them.</summary>
internal static class Suite
{
    public static readonly Benchmark[] All =
    [
        new("tokens", 3, TokensBenchmark.Run, "Does the time of a step grow with the tokens, or with their square?"),
        new("matmul", 8, MatMulBenchmark.Run, "How much slower is a step than its matrix products alone?"),
        new("precision", 5, PrecisionBenchmark.Run, "How much faster is a step in eight bits than in float32, and how far from its matrix products?"),
        new("adapters", 9, AdapterBenchmark.Run, "What do graphs that take adapters and perturbed attention cost, unused and used?"),
        new("conditioning", 5, ConditioningBenchmark.Run, "How much does a step save when the text's keys and values are computed once for a prompt?"),
        new("text", 5, TextBenchmark.Run, "What does a second prompt cost with the instruction cached?"),
        new("decode", 2, DecodeBenchmark.Run, "What do decoding and its tiles cost in time and memory?"),
        new("solvers", 2, SolversBenchmark.Run, "How close does each solver come to the exact solution? Rounds are seeds."),
        new("clip", 4, ClipBenchmark.Run, "What does preparing an image cost, and what does the scorer add to its networks?"),
        new("caption", 3, CaptionBenchmark.Run, "How many captions a second does Florence-2-base write, and what do beams and batches cost?"),
        new("ingest", 9, IngestBenchmark.Run, "What does ingest add to decoding and encoding?"),
        new("curate", 2, CurateBenchmark.Run, "Does the memory of a curation grow with its images? Rounds are powers of ten from 1,000."),
        new("select", 3, SelectBenchmark.Run, "How long does it take to choose a million captions again?"),
        new("transfers", 7, TransferBenchmark.Run, "How fast do files of the Hub and blobs come and go, against the plain clients?"),
        new("build", 3, BuildBenchmark.Run, "What does building the graphs of a full-size checkpoint cost?"),
    ];

    public static Benchmark? Find(string verb) => Array.Find(All, benchmark => benchmark.Verb == verb);

    // Each benchmark runs in a process of its own, so that it does not count the memory of another.
    public static int RunAll(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
        using var report = new StreamWriter(file) { AutoFlush = true };
        Write($"# Benchmarks\n\n{Versions()}\n\n`dotnet run -c Release --project tests/Sana.Benchmarks -- all`");
        var failed = 0;
        foreach (var benchmark in All)
        {
            Write($"\n## {benchmark.Verb}: {benchmark.Question}\n");
            using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [benchmark.Verb]) { RedirectStandardOutput = true })!;
            while (process.StandardOutput.ReadLine() is { } line)
            {
                Write(line);
            }

            process.WaitForExit();
            failed += process.ExitCode == 0 ? 0 : 1;
        }

        return failed == 0 ? 0 : 1;

        void Write(string text)
        {
            Console.WriteLine(text);
            report.WriteLine(text);
        }
    }

    private static string Versions() => $"{Machine.Describe()}; ONNX Runtime {OrtEnv.Instance().GetVersionString()}, {RuntimeInformation.FrameworkDescription}, float32.";
}

/// <summary>One benchmark.</summary>
/// <param name="Verb">Its name on the command line.</param>
/// <param name="Rounds">Default number of rounds.</param>
/// <param name="Measure">Measures the given number of rounds and prints the results.</param>
/// <param name="Question">The question that it answers.</param>
internal sealed record Benchmark(string Verb, int Rounds, Action<int> Measure, string Question)
{
    public int Run(int rounds)
    {
        Measure(rounds);
        return 0;
    }
}
