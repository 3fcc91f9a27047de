using System.Globalization;
using NetVips;
using Sana.Curation.Ingest;

namespace Sana.Benchmarks;

/// <summary>
/// Compares ingest on one thread with its decoding and encoding alone: the rest is hashing, limits, normalisation and the perceptual hash.
/// </summary>
internal static class IngestBenchmark
{
    private const int Batch = 8;

    public static void Run(int rounds)
    {
        var ingest = new ImageIngest(new IngestOptions());
        (string Name, byte[] File)[] sources = [.. from size in new[] { (Width: 1280, Height: 960), (Width: 1600, Height: 1200) } from kind in new[] { "jpeg", "png" } select Source(size.Width, size.Height, kind)];
        Action[] ways = [.. sources.SelectMany(source => new Action[] { () => Repeat(() => Bare(source.File)), () => Repeat(() => Ingest(ingest, source.File)) })];
        var race = Race.Run(rounds, ways);

        Markdown.Text("One thread, JPEG of quality 95 written without subsampling. Bare is libvips' decode and encode alone.");
        Markdown.Table(
            ["image", "ingest / bare", "images a second and core", "MP a second and core"],
            sources.Select((source, i) => (string[])
            [
                source.Name, $"{race.Ratio((2 * i) + 1, 2 * i)}", PerSecond(race.Seconds((2 * i) + 1), 1), PerSecond(race.Seconds((2 * i) + 1), i < 2 ? 1.23 : 1.92),
            ]));
    }

    private static void Repeat(Action work)
    {
        for (var i = 0; i < Batch; i++)
            work();
    }

    private static void Bare(byte[] file)
    {
        using var image = Image.NewFromBuffer(file, access: Enums.Access.Sequential, failOn: Enums.FailOn.Warning);
        _ = image.JpegsaveBuffer(q: 95, subsampleMode: Enums.ForeignSubsample.Off, keep: Enums.ForeignKeep.None);
    }

    private static void Ingest(ImageIngest ingest, byte[] file)
    {
        if (ingest.Ingest(file, "", CancellationToken.None).Reason is { } reason)
            throw new InvalidOperationException($"A good image was rejected: {reason}.");
    }

    // Soft shapes with grain, which compress about as well as a photo.
    private static (string, byte[]) Source(int width, int height, string kind)
    {
        using var noise = Image.Perlin(width, height, cellSize: 160, uchar: true, seed: 1);
        using var grain = Image.Gaussnoise(width, height, sigma: 4, mean: 0, seed: 2);
        using var grey = noise + grain;
        using var warm = grey.Linear([0.9, 0.8, 0.6], [20, 10, 30]);
        using var pixels = warm.Cast(Enums.BandFormat.Uchar);
        using var image = pixels.Copy(interpretation: Enums.Interpretation.Srgb);
        var file = kind == "png" ? image.PngsaveBuffer(keep: Enums.ForeignKeep.None) : image.JpegsaveBuffer(q: 88, keep: Enums.ForeignKeep.None);
        return (string.Create(CultureInfo.InvariantCulture, $"{width}×{height} {kind}, {file.Length / 1e6:0.0} MB"), file);
    }

    private static string PerSecond(double seconds, double work) => (Batch * work / seconds).ToString("0.0", CultureInfo.InvariantCulture);
}
