using Sana.Benchmarks;
using Sana.Inference.Runtime;

OnnxTelemetry.TurnOff();
return args switch
{
    ["checkpoint", .. var options] => SyntheticCheckpoint.Run(options),
    ["engine", .. var options] => EngineBenchmark.Run(options),
    ["build", "--checkpoint", var folder] => BuildBenchmark.Once(folder),
    ["precision", .. { Length: > 0 } options] => PrecisionBenchmark.Run(options),
    ["all"] => Suite.RunAll("artifacts/benchmarks.md"),
    [var verb] when Suite.Find(verb) is { } benchmark => benchmark.Run(benchmark.Rounds),
    [var verb, "--rounds", var text] when Suite.Find(verb) is { } benchmark && int.TryParse(text, out var rounds) && rounds is > 0 and <= 1000 =>
        benchmark.Run(rounds),
    ["--help" or "-h"] => Usage(Console.Out, 0),
    _ => Usage(Console.Error, 2),
};

static int Usage(TextWriter output, int code)
{
    output.WriteLine($"""
        Measures on random weights with the published models' sizes. The ratios are what counts: each compares runs that alternate in one process,
        and is printed as the median and the minimum over the rounds.

        dotnet run -c Release --project tests/Sana.Benchmarks -- <verb> [--rounds N]

        {string.Join("\n", Suite.All.Select(b => $"{b.Verb,-14}{b.Question} Default {b.Rounds} rounds."))}
        {"all",-14}All of these, each in a process of its own, to the screen and to artifacts/benchmarks.md.

        {"build",-14}--checkpoint <folder>: build the graphs of that checkpoint once; print seconds and peak memory in bytes.
        {"checkpoint",-14}Write a full-size Sana checkpoint of random weights; without options it prints its options.
        {"engine",-14}Durable steps a second, memory of a 100,000-item fan-out, time of a replay. [--folder <folder>]
        """);
    return code;
}
