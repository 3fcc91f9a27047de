using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Networks;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana bench</c>: how fast a checkpoint is on this device in each precision, what it needs and costs, and how far its images are from those of float32.</summary>
internal sealed class BenchCommand : Command
{
    private readonly Option<string> _checkpoint = CommonOptions.CheckpointOption();
    private readonly Option<string[]> _lora = CommonOptions.Loras();
    private readonly Option<string?> _decoder = CommonOptions.Decoder();
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<string?> _precision = new("--precision")
    {
        Description = "Which to measure, with commas between: float32, w8a8, mixed. Missing graphs are built. Default: those that the device has kernels for.",
        HelpName = "list",
    };

    private readonly Option<int?> _side = CommonOptions.Number("--side", "Pixels of an image's side, a multiple of 32, 32…4096. Default: the checkpoint's native size.", 32, 4096);
    private readonly Option<int?> _steps = CommonOptions.Number("--steps", "Steps of an image, 1…1000. Default: 20, or 2 for Sprint checkpoints.", 1, 1000);
    private readonly Option<int?> _images = CommonOptions.Number("--images", "Images that are timed in each precision, 1…1000; one more is made before. Default: 4.", 1, 1000);
    private readonly Option<int?> _batch = CommonOptions.Number("--batch", "Images made together, 1…64. Default: 1.", 1, 64);
    private readonly Option<double?> _price = CommonOptions.Number("--price", "Price of this machine for an hour, 0…1000000, in any currency; the cost of 1,000 images is said in it. Default: none.", 0.0, 1_000_000);
    private readonly Option<bool> _json = CommonOptions.Json();

    public BenchCommand()
        : base("bench", "Measure images a second, stage times, memory and cost of a checkpoint on this device in each precision.")
    {
        Option[] options = [_checkpoint, _lora, _decoder, _device, _precision, _side, _steps, _images, _batch, _price, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var device = WrongUseException.Unless(() => Device.Parse(parsed.GetValue(_device) ?? "cpu"));
        var precisions = WrongUseException.Unless(() => Precisions(parsed.GetValue(_precision), device));
        var loras = WrongUseException.Unless(() => PlaceArguments.Loras(parsed.GetValue(_lora) ?? [], known: new Dictionary<string, string>()));
        var options = new GenerateOptions { Width = parsed.GetValue(_side), Height = parsed.GetValue(_side), Steps = parsed.GetValue(_steps), UseResolutionBinning = false, Adapters = loras.Uses };
        var (count, batch) = (parsed.GetValue(_images) ?? 4, parsed.GetValue(_batch) ?? 1);
        HugePages.UseFor(parsed.GetRequiredValue(_checkpoint));
        var rows = new List<BenchRow>();
        GenerateOptions? resolved = null;
        IReadOnlyList<GeneratedImage>? exact = null;
        foreach (var precision in precisions)
        {
            var clock = Stopwatch.StartNew();
            using var networks = new NetworkLoader { Checkpoint = parsed.GetRequiredValue(_checkpoint), Decoder = parsed.GetValue(_decoder), Loras = loras.Places, Device = device, Precision = precision, Progress = new FetchLines() };
            await networks.ReadModel(cancellationToken);
            var build = Lap(clock);
            PeakMemory.Reset();
            var pipeline = await networks.LoadSana(cancellationToken);
            resolved = WrongUseException.Unless(() => pipeline.Resolve(options));
            var load = Lap(clock);
            pipeline.Generate([Request(count)], resolved, progress: null, cancellationToken);
            var first = Lap(clock);
            GeneratedImage[] images = [.. Enumerable.Range(0, count).Chunk(batch).SelectMany(part => pipeline.Generate([.. part.Select(Request)], resolved, progress: null, cancellationToken))];
            var all = Lap(clock);
            exact ??= precision == Precision.Float32 ? images : null;
            rows.Add(BenchRow.Of(precision, build, load, first, all, images, batch, parsed.GetValue(_price), precision == Precision.Float32 ? null : exact));
        }

        var report = new BenchReport(parsed.GetRequiredValue(_checkpoint), device.ToString(), resolved!.Width!.Value, resolved.Height!.Value, resolved.Steps!.Value, batch, count, rows)
        {
            Decoder = parsed.GetValue(_decoder),
            Lora = resolved.Adapters?.Items,
        };
        if (parsed.GetValue(_json))
            Reports.WriteJson(report, Reports.Json.BenchReport);
        else
            Write(report);
        return ExitCode.Done;
    }

    // Float32 first: the others are compared with its images.
    private static Precision[] Precisions(string? list, Device device)
    {
        Precision[] asked = list is null
            ? [Precision.Float32, device.CudaIndex is null ? Precision.W8A8 : Precision.Mixed]
            : [.. list.Split(',', StringSplitOptions.TrimEntries).Select(name => PrecisionName.Parse(name).On(device)).Distinct()];
        return [.. asked.Order()];
    }

    // Distinct prompts, so that each is encoded.
    private static ImageRequest Request(int i) => new($"a photograph of a lighthouse on a cliff at sunset, number {i + 1}", Seed: (ulong)i);

    private static double Lap(Stopwatch clock)
    {
        var seconds = clock.Elapsed.TotalSeconds;
        clock.Restart();
        return seconds;
    }

    private static void Write(BenchReport report)
    {
        var with = string.Concat((report.Lora ?? []).Select(use => string.Create(CultureInfo.InvariantCulture, $", adapter {use.Name} at weight {use.Weight}"))) + (report.Decoder is null ? "" : $", decoder {report.Decoder}");
        Console.WriteLine($"{report.Checkpoint}{with} on {report.Device}, {report.Width}×{report.Height} pixels, {report.Steps} steps, {report.Images} images in batches of {report.Batch}");
        Console.WriteLine($"{"precision",-10}{"images/s",10}{"text s",9}{"denoise s",11}{"decode s",10}{"load s",9}{"first s",9}{"peak MiB",10}{"to float32",13}{"cost of 1,000",15}");
        foreach (var row in report.Precisions)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Precision,-10}{row.ImagesPerSecond,10:0.000}{row.TextSeconds,9:0.000}{row.DenoiseSeconds,11:0.000}{row.DecodeSeconds,10:0.000}{row.LoadSeconds,9:0.0}{row.FirstImageSeconds,9:0.0}{row.PeakMemoryBytes / 1048576.0,10:0}"
                + $"{(row.PsnrToFloat32 is { } psnr ? string.Create(CultureInfo.InvariantCulture, $"{psnr:0.0} dB") : "-"),13}{(row.CostOf1000Images is { } cost ? string.Create(CultureInfo.InvariantCulture, $"{cost:0.00}") : "-"),15}"));
        }
    }
}

/// <summary>Of <c>sana bench</c>.</summary>
internal sealed record BenchReport(string Checkpoint, string Device, int Width, int Height, int Steps, int Batch, int Images, IReadOnlyList<BenchRow> Precisions)
{
    /// <summary>The decoder in place of the checkpoint's own, as it was given; null for none.</summary>
    public string? Decoder { get; init; }

    /// <summary>The adapters that all images are drawn with; null without one.</summary>
    public IReadOnlyList<AdapterUse>? Lora { get; init; }
}

/// <summary>One precision. Seconds of stages are for one image.</summary>
/// <param name="Precision">float32, w8a8 or mixed.</param>
/// <param name="ImagesPerSecond">Without loading and the first image.</param>
/// <param name="TextSeconds">Encoding of its prompt.</param>
/// <param name="DenoiseSeconds">All steps.</param>
/// <param name="DecodeSeconds">Latents to pixels.</param>
/// <param name="BuildSeconds">Building its graphs, or finding that they are there.</param>
/// <param name="LoadSeconds">Loading its networks.</param>
/// <param name="FirstImageSeconds">The first image, which nothing is cached for.</param>
/// <param name="PeakMemoryBytes">Largest resident memory of the process from loading on.</param>
/// <param name="Failed">Images that came out broken.</param>
/// <param name="PsnrToFloat32">Median over the images, in dB, 99 for equal ones; null where float32 was not measured.</param>
/// <param name="CostOf1000Images">In the currency of the price; null without one.</param>
internal sealed record BenchRow(
    string Precision, double ImagesPerSecond, double TextSeconds, double DenoiseSeconds, double DecodeSeconds, double BuildSeconds, double LoadSeconds, double FirstImageSeconds, long PeakMemoryBytes, int Failed,
    double? PsnrToFloat32, double? CostOf1000Images)
{
    private const double Equal = 99; // dB

    public static BenchRow Of(
        Precision precision, double build, double load, double first, double all, IReadOnlyList<GeneratedImage> images, int batch, double? price, IReadOnlyList<GeneratedImage>? exact)
    {
        var firstOfBatches = images.Chunk(batch).Select(part => part[0].Seconds).ToArray();
        return new BenchRow(
            precision.Word(),
            Math.Round(images.Count / all, 4),
            Math.Round(firstOfBatches.Sum(seconds => seconds.Text) / images.Count, 4),
            Math.Round(firstOfBatches.Sum(seconds => seconds.Denoise) / images.Count, 4),
            Math.Round(firstOfBatches.Sum(seconds => seconds.Decode) / images.Count, 4),
            Math.Round(build, 3),
            Math.Round(load, 3),
            Math.Round(first, 3),
            PeakMemory.Bytes,
            images.Count(image => image.Failure is not null),
            exact is null ? null : Median([.. images.Zip(exact).Where(pair => pair is { First.Image: not null, Second.Image: not null }).Select(pair => Psnr(pair.First.Image!.Pixels, pair.Second.Image!.Pixels))]),
            price is null ? null : Math.Round(price.Value * 1000 * all / images.Count / 3600, 4));
    }

    private static double? Median(double[] values) => values.Length == 0 ? null : Math.Round(values.Order().ElementAt(values.Length / 2), 2);

    private static double Psnr(byte[] one, byte[] other)
    {
        var sum = 0.0;
        for (var i = 0; i < one.Length; i++)
            sum += (one[i] - other[i]) * (one[i] - other[i]);
        return sum == 0 ? Equal : Math.Min(Equal, 10 * Math.Log10(255.0 * 255 * one.Length / sum));
    }
}

/// <summary>The largest resident memory of this process, as Linux counts it.</summary>
internal static class PeakMemory
{
    public static long Bytes => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1],
        CultureInfo.InvariantCulture);

    /// <summary>Counts anew from what is resident now, where the system lets it.</summary>
    public static void Reset()
    {
        GC.Collect();
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Then the peak is that since the start.
        }
    }
}
