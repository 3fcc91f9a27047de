using System.Numerics;
using System.Security.Cryptography;
using Sana.Curation;
using Sana.Curation.Ingest;
using Xunit;

namespace Sana.Tests.Ingest;

[Collection("measured alone")]
public sealed class DuplicatesTests
{
    private const ulong Look = 0x0F0F_3C3C_55AA_9966;

    [Fact]
    public void Another_colour_is_another_product()
    {
        var duplicates = new Duplicates(new DuplicateOptions());
        var (red, nearly, blue) = (Colours(200, 30, 30), Colours(190, 36, 30), Colours(30, 30, 200));
        duplicates.Add(Sha(1), Look, "red", red);

        Assert.Equal((Reasons.SimilarTo, "red"), Link(duplicates.Add(Sha(2), Look, "red again", nearly)));
        Assert.Null(duplicates.Add(Sha(3), Look, "blue", blue));
        Assert.Equal((Reasons.SimilarTo, "red"), Link(duplicates.Add(Sha(4), Look, "nobody looked")));

        static UInt128 Colours(byte red, byte green, byte blue)
        {
            var pixels = new byte[64 * 64 * 3];
            for (var at = 0; at < pixels.Length; at += 3)
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (red, green, blue);
            PerceptualHash.Compute(pixels, 64, 64, 1, out var colours);
            return colours;
        }
    }

    [Fact]
    public void Equal_bytes_link_to_the_first()
    {
        var duplicates = new Duplicates(new DuplicateOptions());

        Assert.Null(duplicates.Add(Sha(1), Look, "first"));
        Assert.Null(duplicates.Add(Sha(2), ~Look, "other"));
        Assert.Equal((Reasons.DuplicateOf, "first"), Link(duplicates.Add(Sha(1), Look, "second")));
        Assert.Equal((Reasons.DuplicateOf, "first"), Link(duplicates.Add(Sha(1), Look, "third")));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(3, true)]
    [InlineData(4, false)]
    public void Images_that_look_alike_link_within_the_distance(int bits, bool isLinked)
    {
        var duplicates = new Duplicates(new DuplicateOptions { MaxDistance = 3 });
        duplicates.Add(Sha(1), Look, "first");

        var verdict = duplicates.Add(Sha(2), Look ^ ((1UL << bits) - 1), "second");

        Assert.Equal(isLinked ? (Reasons.SimilarTo, "first") : null, Link(verdict));
    }

    [Fact]
    public void Looks_do_not_count_when_switched_off()
    {
        var duplicates = new Duplicates(new DuplicateOptions { MaxDistance = null });
        duplicates.Add(Sha(1), Look, "first");

        Assert.Null(duplicates.Add(Sha(2), Look, "second"));
    }

    [Fact]
    public void Flat_images_are_not_alike_for_having_no_look()
    {
        var duplicates = new Duplicates(new DuplicateOptions());
        duplicates.Add(Sha(1), 1UL << 63, "red");

        Assert.Null(duplicates.Add(Sha(2), 1UL << 63, "blue"));
    }

    [Fact]
    public void A_copy_of_a_similar_image_links_to_the_first_of_all()
    {
        var duplicates = new Duplicates(new DuplicateOptions());
        duplicates.Add(Sha(1), Look, "first");
        duplicates.Add(Sha(2), Look ^ 1, "similar");

        Assert.Equal((Reasons.SimilarTo, "first"), Link(duplicates.Add(Sha(2), Look ^ 1, "copy")));
    }

    [Fact]
    public void The_nearest_is_named_and_of_equally_near_the_first()
    {
        var duplicates = new Duplicates(new DuplicateOptions { MaxDistance = 2 });
        duplicates.Add(Sha(1), Look, "a");
        duplicates.Add(Sha(2), Look ^ 0b1111, "b");

        Assert.Equal((Reasons.SimilarTo, "b"), Link(duplicates.Add(Sha(3), Look ^ 0b0111, "c")));
        Assert.Equal((Reasons.SimilarTo, "a"), Link(duplicates.Add(Sha(4), Look ^ 0b0011, "d")));
    }

    [Fact]
    public void What_comes_too_often_is_a_placeholder_and_so_is_its_first()
    {
        var duplicates = new Duplicates(new DuplicateOptions { PlaceholderAfter = 3 });
        string?[] reasons = [.. Enumerable.Range(0, 5).Select(i => duplicates.Add(Sha(i % 2), Look, $"row-{i}")?.Reason)];

        Assert.Equal([null, Reasons.SimilarTo, Reasons.DuplicateOf, Reasons.PlaceholderSuspect, Reasons.PlaceholderSuspect], reasons);
        Assert.Equal([(Reasons.PlaceholderSuspect, "row-0")], duplicates.SuspectedFirsts.Select(first => (first.Reason, first.Of)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(11)]
    public void The_index_finds_what_comparing_with_every_row_finds(int distance)
    {
        var duplicates = new Duplicates(new DuplicateOptions { MaxDistance = distance, PlaceholderAfter = null });
        var random = new Random(distance);
        ulong[] centres = [.. Enumerable.Range(0, 60).Select(_ => (ulong)random.NextInt64() << 1)];
        var firsts = new List<(ulong Look, string Key)>();

        for (var i = 0; i < 3_000; i++)
        {
            var look = Enumerable.Range(0, random.Next(10)).Aggregate(centres[random.Next(centres.Length)], (bits, _) => bits ^ (1UL << random.Next(64)));
            var nearest = firsts.OrderBy(first => BitOperations.PopCount(first.Look ^ look)).FirstOrDefault();
            var expected = nearest.Key is not null && BitOperations.PopCount(nearest.Look ^ look) <= distance ? nearest.Key : null;

            Assert.Equal(expected, duplicates.Add(Sha(i), look, Sha(i)[..32])?.Of);
            if (expected is null)
                firsts.Add((look, Sha(i)[..32]));
        }
    }

    [Fact]
    public void Ninety_thousand_rows_take_some_seventy_five_bytes_each()
    {
        const int Rows = 90_000;
        // What earlier tests left is gone before it is measured, or it would count as freed by this one.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var duplicates = new Duplicates(new DuplicateOptions());
        for (var i = 0; i < Rows; i++)
            duplicates.Add(Sha(i), (ulong)i * 0x9E37_79B9_7F4A_7C15, Sha(i)[..32]);

        var taken = GC.GetTotalMemory(forceFullCollection: true) - before - (4 * 4 * 65_536); // the heads of the quarters are there from the start

        Assert.InRange(taken / (double)Rows, 56, 80);
        Assert.Equal((Reasons.DuplicateOf, Sha(7)[..32]), Link(duplicates.Add(Sha(7), 0, "again")));
    }

    [Theory]
    [InlineData(12, 1)]
    [InlineData(-1, 1)]
    [InlineData(3, 0)]
    public void Options_out_of_range_are_refused(int distance, int after) =>
        Assert.Throws<CurationException>(() => new Duplicates(new DuplicateOptions { MaxDistance = distance, PlaceholderAfter = after }));

    private static (string, string)? Link(DuplicateVerdict? verdict) => verdict is null ? null : (verdict.Reason, verdict.Of);

    private static string Sha(int number) => Convert.ToHexStringLower(SHA256.HashData(BitConverter.GetBytes(number)));
}
