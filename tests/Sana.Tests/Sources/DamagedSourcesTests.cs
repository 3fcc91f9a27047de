using System.Diagnostics;
using Xunit;

namespace Sana.Tests.Sources;

/// <summary>Seeded damage to good files: a listing ends soon, in rows with reasons, and in nothing else.</summary>
[Collection("measured alone")]
public sealed class DamagedSourcesTests : IDisposable
{
    private const int Rounds = 300;

    private readonly Folder _folder = new();

    [Theory]
    [InlineData("m.tar")]
    [InlineData("m.csv")]
    [InlineData("m.jsonl")]
    [InlineData("plain.parquet")]
    [InlineData("dictionary.parquet")]
    [InlineData("zstd.parquet")]
    [InlineData("v2.parquet")]
    public async Task Damage_is_never_more_than_rows_with_reasons(string name)
    {
        var good = Good(name);
        var random = new Random(20260 + name.Length);
        var watch = Stopwatch.StartNew();
        for (var round = 0; round < Rounds; round++)
        {
            var damaged = Damage(good, random);
            _folder.Put(name, damaged);
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var source = _folder.Source(name);
            await foreach (var item in source.List(default).Take(5000))
            {
                var fetched = await source.Fetch(item, default);
                Assert.True(fetched.Reason is not null || fetched.Bytes is not null);
            }

            Assert.True(GC.GetTotalAllocatedBytes(precise: true) - before < 600L << 20, $"Round {round} took {GC.GetTotalAllocatedBytes(precise: true) - before} bytes.");
        }

        Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), $"{Rounds} rounds took {watch.Elapsed}.");
    }

    public void Dispose() => _folder.Dispose();

    private byte[] Good(string name)
    {
        const string Rows = "select i || '.jpg' as file, case when i % 5 = 0 then null else 'a caption of ' || (i % 7) end as caption, i as id, 'CC0' as licence from range(400) t(i)";
        switch (name)
        {
            case "m.tar":
                var tar = new TarBytes();
                for (var at = 0; at < 10; at++)
                    tar.Member($"{at}.jpg", new string('x', at * 100)).Pax($"{at}.txt", $"path={at}.txt", "size=5").Member("././@LongLink", $"{at}.json\0", 'L').Member("x", "{}");
                return tar.Bytes();
            case "m.csv":
                return System.Text.Encoding.UTF8.GetBytes("file,caption,id\n" + string.Concat(Enumerable.Range(0, 50).Select(at => $"{at}.jpg,\"a \"\"quoted\"\", caption\n{at}\",{at}\n")));
            case "m.jsonl":
                return System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 50).Select(at => $"{{\"file\":\"{at}.jpg\",\"caption\":\"é {at}\",\"id\":{at}}}\n")));
            default:
                var options = name switch
                {
                    "plain.parquet" => ", compression uncompressed, dictionary_size_limit 1",
                    "dictionary.parquet" => ", compression snappy",
                    "v2.parquet" => ", compression gzip, parquet_version v2",
                    _ => ", compression zstd",
                };
                Duck.Write(_folder.File(name), Rows, options);
                return File.ReadAllBytes(_folder.File(name));
        }
    }

    private static byte[] Damage(byte[] good, Random random)
    {
        var bytes = (byte[])good.Clone();
        // The last bytes of a Parquet file and the first of all others say most.
        for (var left = random.Next(1, 6); left > 0; left--)
        {
            var at = random.Next(3) switch { 0 => random.Next(bytes.Length), 1 => bytes.Length - 1 - random.Next(Math.Min(bytes.Length, 1500)), _ => random.Next(Math.Min(bytes.Length, 1500)) };
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.AsSpan(at, Math.Min(random.Next(1, 9), bytes.Length - at)).Fill((byte)(random.Next(2) * 255));
                    break;
                default:
                    random.NextBytes(bytes.AsSpan(at, Math.Min(random.Next(1, 40), bytes.Length - at)));
                    break;
            }
        }

        return random.Next(8) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }
}
