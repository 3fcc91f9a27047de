using System.Diagnostics;
using System.Globalization;
using Sana.Inference.Imaging;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Runs <c>sana curate</c> on a folder of small images with captions and measures whether memory grows with the number of images.
/// Every image is written and flushed twice (normalised, and in its shard), so most of the time is that of the disk.
/// </summary>
internal static class CurateBenchmark
{
    private const int Side = 48;

    public static void Run(int rounds)
    {
        Markdown.Text($"Images of {Side}×{Side} pixels with a caption each, shards of 1,000, no captioner, no scorer; a process of its own each time. Rounds: {rounds} (3 ends at 100,000 images).");
        var rows = Enumerable.Range(0, rounds).Select(round =>
        {
            var images = 1000 * (int)Math.Pow(10, round);
            using var folder = new TempFolder();
            Fill(folder.File("source"), images);
            var (seconds, peak) = Curate(folder);
            return (Images: images, Seconds: seconds, Peak: peak);
        }).ToArray();
        Markdown.Table(
            ["images", "images a second", "peak memory, MB", "against the smallest"],
            rows.Select(row => (string[])[$"{row.Images:N0}", Number(row.Images / row.Seconds), Number(row.Peak / 1e6), Number(row.Peak / rows[0].Peak)]));
    }

    private static void Fill(string folder, int images)
    {
        Directory.CreateDirectory(folder);
        Parallel.For(0, images, i =>
        {
            var pixels = new byte[3 * Side * Side];
            new Random(i).NextBytes(pixels);
            var name = Path.Combine(folder, i.ToString("000000", CultureInfo.InvariantCulture));
            File.WriteAllBytes(name + ".png", ImageCodec.Encode(new RgbImage(Side, Side, pixels), ImageFormat.Png));
            File.WriteAllText(name + ".txt", $"A square of noise, number {i}.");
        });
    }

    private static (double Seconds, double PeakBytes) Curate(TempFolder folder)
    {
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "sana.dll"), "curate", folder.File("source"), "--data", folder.File("data"), "--json"])
        {
            RedirectStandardOutput = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var peak = 0L;
        while (!process.WaitForExit(50))
            peak = Math.Max(peak, Memory.PeakOf(process.Id));
        return process.ExitCode == 0
            ? (Stopwatch.GetElapsedTime(start).TotalSeconds, peak)
            : throw new InvalidOperationException($"sana curate ended with exit code {process.ExitCode}: {output.Result}");
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
