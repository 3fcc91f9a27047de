using Sana.Benchmarks;

return args switch
{
    ["checkpoint", .. var options] => SyntheticCheckpoint.Run(options),
    ["engine", .. var options] => EngineBenchmark.Run(options),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        checkpoint   write a full-size Sana checkpoint of random weights
        engine       durable steps a second, memory of a 100,000-item fan-out, time of a replay
        """);
    return 2;
}
