using System.Globalization;

namespace Sana.TorchBenchmarks;

/// <summary>What is measured.</summary>
internal sealed record TorchBenchmarkOptions
{
    public const string Help = """
        The networks here and in LibTorch, with the same random weights, alternating in one process. Results are compared before anything is timed.

        dotnet run -c Release --project tests/Sana.TorchBenchmarks -- [--parts transformer,text,decoder,caption,scorer] [--layers 4] [--text-layers 4]
            [--tokens 256,1024] [--pixels 512,1024] [--samples 2] [--rounds 5] [--threads 0]
          --parts        what is measured
          --layers       1…28: blocks of the transformer
          --text-layers  1…26: layers of the text encoder
          --tokens       squares: 256 are an image of 512 pixels, 1024 of 1,024, 4096 of 2,048
          --pixels       multiples of 32: what is decoded
          --samples      1…64: a guided image has 2
          --rounds       1…1000
          --threads      1…64, or 0 for every core. Where others use the cores LibTorch's threads wait for one another: take 1 there
        """;

    private static readonly string[] _parts = ["transformer", "text", "decoder", "caption", "scorer"];

    public required string[] Parts { get; init; }
    public required int Layers { get; init; }
    public required int TextLayers { get; init; }
    public required int[] Tokens { get; init; }
    public required int[] Pixels { get; init; }
    public required int Samples { get; init; }
    public required int Rounds { get; init; }
    public required int Threads { get; init; }

    /// <returns>Null if an argument is unknown or out of range.</returns>
    public static TorchBenchmarkOptions? Parse(string[] arguments)
    {
        var given = arguments.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        string[] known = ["--parts", "--layers", "--text-layers", "--tokens", "--pixels", "--samples", "--rounds", "--threads"];
        var options = new TorchBenchmarkOptions
        {
            Parts = given.GetValueOrDefault("--parts", string.Join(',', _parts)).Split(','),
            Layers = Number("--layers", "4", 1, 28),
            TextLayers = Number("--text-layers", "4", 1, 26),
            Tokens = Numbers("--tokens", "256,1024"),
            Pixels = Numbers("--pixels", "512,1024"),
            Samples = Number("--samples", "2", 1, 64),
            Rounds = Number("--rounds", "5", 1, 1000),
            Threads = Number("--threads", "0", 0, 64),
        };
        var fits = given.Count * 2 == arguments.Length && !given.Keys.Except(known).Any() && !options.Parts.Except(_parts).Any()
            && options is { Layers: > 0, TextLayers: > 0, Samples: > 0, Rounds: > 0, Threads: >= 0 }
            && options.Tokens.All(count => count is > 0 and <= 16_384 && Math.Sqrt(count) % 1 == 0) && options.Pixels.All(side => side is > 0 and <= 4_096 && side % 32 == 0);
        return fits ? options : null;

        int[] Numbers(string name, string usual) =>
            [.. given.GetValueOrDefault(name, usual).Split(',').Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : -1)];

        int Number(string name, string usual, int least, int most) => Numbers(name, usual) is [var value] && value >= least && value <= most ? value : -1;
    }
}
