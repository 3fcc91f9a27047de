using Sana.Curation;
using Sana.Jobs.Curation;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>How many images the score step decodes at once.</summary>
public sealed class ScoreBatchesTests
{
    private const long MostBytes = 256L << 20;

    [Fact]
    public void Small_images_come_in_batches_of_32()
    {
        Assert.Equal([32, 32, 6], ScoreStep.Batches(Enumerable.Range(0, 70).Select(i => Row(i, 512, 512))).Select(batch => batch.Length));
    }

    [Fact]
    public void The_pixels_of_a_batch_are_bounded_and_a_larger_image_is_alone()
    {
        var random = new Random(1);
        var rows = Enumerable.Range(0, 500).Select(i => i % 50 == 49 ? Row(i, 20_000, 10_000) : Row(i, random.Next(1, 10_000), random.Next(1, 10_000))).ToArray();

        var batches = ScoreStep.Batches(rows).ToArray();

        Assert.Equal(rows, batches.SelectMany(batch => batch));
        Assert.All(batches, batch => Assert.True(batch.Length == 1 || batch.Sum(row => 3L * row.Width!.Value * row.Height!.Value) <= MostBytes));
        Assert.Equal(10, batches.Count(batch => batch is [{ Width: 20_000 }]));
    }

    private static IndexRow Row(int row, int width, int height) => new() { Key = $"00000-{row:0000}", Shard = 0, Row = row, SourceUri = "x", Status = RowStatus.Success, Width = width, Height = height };
}
