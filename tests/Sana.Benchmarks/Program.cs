using Sana.Benchmarks;

return args switch
{
    ["checkpoint", .. var options] => SyntheticCheckpoint.Run(options),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        checkpoint   write a full-size Sana checkpoint of random weights
        """);
    return 2;
}
