using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class LatentNoiseTests
{
    [Fact]
    public void First_values_are_pinned()
    {
        var noise = Fill(8, seed: 42, image: 0);

        // From a separate transcription of the remarks on LatentNoise in Python.
        Close.To([-0.97018981f, 0.19401896f, -1.23562074f, 1.92392671f, -0.07318151f, 0.139137492f, -1.10666502f, 0.326682955f], noise, 2e-7);
    }

    [Fact]
    public void Every_part_of_the_counter_is_where_the_remarks_say()
    {
        var noise = Fill(11, seed: 0x0123456789abcdef, image: 7, stream: 3);

        Close.To([0.0569481812f, 0.088755995f, -0.746620595f], noise.AsSpan(8), 2e-7);
    }

    [Fact]
    public void Image_is_the_same_in_every_batch()
    {
        var batch = Enumerable.Range(0, 16).Select(image => Fill(96, seed: 5, image)).ToArray();

        Assert.All(Enumerable.Range(0, 16), image => Assert.Equal(Fill(96, seed: 5, image), batch[image]));
        Assert.Equal(16, batch.Select(noise => noise[0]).Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(50)]
    [InlineData(63)]
    public void Smaller_latents_begin_like_larger_ones(int length)
    {
        var larger = Fill(64, seed: 9, image: 2);

        Assert.Equal(larger[..length], Fill(length, seed: 9, image: 2));
    }

    [Theory]
    [InlineData(2ul, 0, 0)]
    [InlineData(1ul | (1ul << 32), 0, 0)]
    [InlineData(1ul, 1, 0)]
    [InlineData(1ul, 0, 1)]
    public void Other_seed_image_or_stream_gives_unrelated_noise(ulong seed, int image, int stream)
    {
        var one = Fill(100_000, seed: 1, image: 0);
        var other = Fill(100_000, seed, image, stream);

        var correlation = one.Zip(other, (a, b) => (double)a * b).Average();

        Assert.InRange(correlation, -0.015, 0.015);
    }

    [Fact]
    public void Moments_are_those_of_the_standard_normal()
    {
        var noise = Fill(1_000_000, seed: 123, image: 0);

        var moments = Enumerable.Range(1, 4).Select(power => noise.Average(x => Math.Pow(x, power))).ToArray();

        // Five standard errors of each.
        Assert.Equal(0, moments[0], 0.005);
        Assert.Equal(1, moments[1], 0.0071);
        Assert.Equal(0, moments[2], 0.0194);
        Assert.Equal(3, moments[3], 0.049);
    }

    private static float[] Fill(int length, ulong seed, int image, int stream = LatentNoise.InitialStream)
    {
        var noise = new float[length];
        LatentNoise.Fill(noise, seed, image, stream);
        return noise;
    }
}
