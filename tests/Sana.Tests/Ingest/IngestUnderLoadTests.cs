using System.Globalization;
using Sana.Curation.Ingest;
using Sana.Tests.Ingest.Hostile;
using Xunit;

namespace Sana.Tests.Ingest;

/// <summary>Alone, since the memory of a process is what is measured.</summary>
[Collection(nameof(IngestUnderLoadTests))]
[CollectionDefinition(nameof(IngestUnderLoadTests), DisableParallelization = true)]
public sealed class IngestUnderLoadTests
{
    private const int Threads = 8;
    private const long MemoryLimit = 200_000_000;
    private const long WithManaged = 500_000_000; // without the gate, eight of the largest take 800 MB of native memory alone

    [Fact]
    public void Eight_threads_take_the_whole_folder_in_bounded_memory_and_agree()
    {
        var ingest = new ImageIngest(new IngestOptions { Deadline = TimeSpan.FromMinutes(5), MaxMemory = MemoryLimit });
        var files = HostileImages.All;
        var before = Resident("VmRSS:");
        File.WriteAllText("/proc/self/clear_refs", "5");

        var reasons = new string?[Threads][];
        Parallel.For(0, Threads, new ParallelOptions { MaxDegreeOfParallelism = Threads }, thread =>
            reasons[thread] = [.. files.Select(file => ingest.Ingest(file.Bytes, file.Name, CancellationToken.None).Reason)]);

        Assert.All(reasons, found => Assert.Equal(files.Select(file => file.Reason), found));
        Assert.InRange(Resident("VmHWM:") - before, 0, WithManaged);
    }

    [Fact]
    public void Random_damage_is_always_an_outcome()
    {
        const int Mutations = 2_000;
        var ingest = new ImageIngest(new IngestOptions { Deadline = TimeSpan.FromMinutes(2), MaxPixels = 4_000_000 });
        byte[][] good = [Pictures.Jpeg, Pictures.ProgressiveJpeg, Pictures.Png, Pictures.InterlacedPng, Pictures.Webp, Pictures.LosslessWebp, Pictures.Gif, Pictures.Tiff, OddColours.CmykJpeg];
        var random = new Random(20_240_607);
        var kept = 0;

        for (var i = 0; i < Mutations; i++)
        {
            var image = ingest.Ingest(Damage(good[i % good.Length], random), "", CancellationToken.None);

            Assert.Equal(image.Reason is null, image.File is { Length: > 0 } && image is { Width: > 0, Height: > 0 });
            kept += image.Reason is null ? 1 : 0;
        }

        Assert.InRange(kept, Mutations / 20, Mutations * 19 / 20); // both outcomes were met
    }

    // Bits flipped, bytes overwritten, a piece cut out, a piece put in twice, an end cut off.
    private static byte[] Damage(byte[] good, Random random)
    {
        var bytes = (byte[])good.Clone();
        var (from, length) = (random.Next(bytes.Length), random.Next(1, 64));
        var to = Math.Min(bytes.Length, from + length);
        switch (random.Next(6))
        {
            case 0:
                bytes[from] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                random.NextBytes(bytes.AsSpan(from, to - from));
                return bytes;
            case 2:
                return [.. bytes[..from], .. bytes[to..]];
            case 3:
                return [.. bytes[..to], .. bytes[from..]];
            case 4:
                return bytes[..from];
            default:
                bytes.AsSpan(from, Math.Min(4, bytes.Length - from)).Fill(random.Next(2) == 0 ? (byte)0xFF : (byte)0);
                return bytes;
        }
    }

    private static long Resident(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture);
    }
}
