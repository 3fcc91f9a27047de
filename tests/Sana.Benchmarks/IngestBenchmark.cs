using System.Diagnostics;
using System.Globalization;
using NetVips;
using Sana.Curation.Ingest;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Compares ingest on all cores with its decoding and encoding alone: the rest is hashing, limits, normalisation and the perceptual hash. Then whether it scales over cores, and a whole run.
/// </summary>
internal static class IngestBenchmark
{
    private const int Batch = 8;
    private const int Files = 1_000;

    public static void Run(int rounds)
    {
        var ingest = new ImageIngest(new IngestOptions());
        (string Name, byte[] File)[] sources = [.. from size in new[] { (Width: 1280, Height: 960), (Width: 1600, Height: 1200) } from kind in new[] { "jpeg", "png" } select Source(size.Width, size.Height, kind)];
        Action[] ways = [.. sources.SelectMany(source => new Action[] { () => OnAllCores(() => Bare(source.File)), () => OnAllCores(() => Ingest(ingest, source.File)) })];
        var race = Race.Run(rounds, ways);

        Markdown.Text("As many images at once as there are cores, JPEG of quality 95 written without subsampling. Bare is libvips' decode and encode alone; of one image it does both at once on two cores.");
        Markdown.Table(
            ["image", "ingest / bare", "images a second and core", "MP a second and core"],
            sources.Select((source, i) => (string[])
            [
                source.Name, $"{race.Ratio((2 * i) + 1, 2 * i)}", PerSecond(race.Seconds((2 * i) + 1), 1), PerSecond(race.Seconds((2 * i) + 1), i < 2 ? 1.23 : 1.92),
            ]));
        Cores(ingest, sources[0].File, rounds);
        WholeRun(Math.Min(rounds, 3));
    }

    private static void Cores(ImageIngest ingest, byte[] file, int rounds)
    {
        var cores = Environment.ProcessorCount;
        var race = Race.Run(rounds, [() => Repeat(() => Ingest(ingest, file)), () => Parallel.For(0, cores, _ => Repeat(() => Ingest(ingest, file)))]);
        Markdown.Text(string.Create(CultureInfo.InvariantCulture, $"{cores} threads at once, each with as many images: {race.Ratio(1, 0)} of the time of one thread alone."));
    }

    // Files of different pixels, or all but one are duplicates.
    private static void WholeRun(int rounds)
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.File("source"));
        Parallel.For(0, Files, i => File.WriteAllBytes(folder.File($"source/{i:000}.jpg"), Source(1280, 960, "jpeg", seed: i + 1).File));
        for (var i = 0; i < Files; i++)
            File.WriteAllText(folder.File($"source/{i:000}.txt"), $"A cloud, number {i}.");
        var run = 0;
        var race = Race.Run(rounds, [() => Bare(folder), () => Curate(folder, ++run)]);
        Markdown.Text(string.Create(CultureInfo.InvariantCulture,
            $"`sana curate` over {Files} JPEGs of 1.2 MP with captions, a process from start to end, against libvips alone on all cores (read, decode, encode, write): {race.Ratio(1, 0)}; {Files / race.Seconds(1):0} images a second."));
    }

    private static void Bare(TempFolder folder)
    {
        Directory.CreateDirectory(folder.File("bare"));
        Parallel.ForEach(Directory.EnumerateFiles(folder.File("source"), "*.jpg"), file =>
        {
            using var image = Image.NewFromBuffer(File.ReadAllBytes(file), access: Enums.Access.Sequential, failOn: Enums.FailOn.Warning);
            File.WriteAllBytes(folder.File("bare/" + Path.GetFileName(file)), image.JpegsaveBuffer(q: 95, subsampleMode: Enums.ForeignSubsample.Off, keep: Enums.ForeignKeep.None));
        });
    }

    private static void Curate(TempFolder folder, int run)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "sana.dll"), "curate", folder.File("source"), "--dataset-version", $"v{run}", "--data", folder.File("data"), "--similar", "-1", "--json"])
        { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"sana curate ended with exit code {process.ExitCode}: {output}");
    }

    private static void OnAllCores(Action work) => Parallel.For(0, Environment.ProcessorCount, _ => Repeat(work));

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
    private static (string Name, byte[] File) Source(int width, int height, string kind, int seed = 1)
    {
        using var noise = Image.Perlin(width, height, cellSize: 160, uchar: true, seed: seed);
        using var grain = Image.Gaussnoise(width, height, sigma: 4, mean: 0, seed: seed + 1);
        using var grey = noise + grain;
        using var warm = grey.Linear([0.9, 0.8, 0.6], [20, 10, 30]);
        using var pixels = warm.Cast(Enums.BandFormat.Uchar);
        using var image = pixels.Copy(interpretation: Enums.Interpretation.Srgb);
        var file = kind == "png" ? image.PngsaveBuffer(keep: Enums.ForeignKeep.None) : image.JpegsaveBuffer(q: 88, keep: Enums.ForeignKeep.None);
        return (string.Create(CultureInfo.InvariantCulture, $"{width}×{height} {kind}, {file.Length / 1e6:0.0} MB"), file);
    }

    private static string PerSecond(double seconds, double work) => (Batch * work / seconds).ToString("0.0", CultureInfo.InvariantCulture);
}
