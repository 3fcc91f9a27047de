using CsCheck;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class FlowEulerTests
{
    [Theory]
    [InlineData(28, new float[]
    {
        1, .9873806f, .9741077f, .9601293f, .9453875f, .9298179f, .913349f, .8959003f, .8773819f, .8576923f, .8367167f, .8143248f, .7903683f, .7646771f,
        .7370558f, .7072785f, .6750823f, .6401602f, .6021506f, .560625f, .5150721f, .464876f, .4092888f, .3473926f, .2780488f, .199827f, .1109057f, .008928572f, 0,
    })]
    [InlineData(20, new float[]
    {
        1, .9818746f, .9623857f, .9413732f, .9186515f, .894003f, .8671719f, .8378547f, .8056893f, .7702392f, .7309743f, .6872439f, .6382401f, .582948f,
        .5200741f, .4479443f, .3643522f, .2663297f, .1497872f, .008928572f, 0,
    })]
    public void Sigmas_are_shifted_twice(int steps, float[] expected)
    {
        var solver = new FlowEuler(steps, 3);

        Close.To(expected, solver.Sigmas, 1e-7);
    }

    [Fact]
    public void Trajectory_of_a_linear_velocity_is_the_worked_one()
    {
        var actual = Toy.Trajectory(new FlowEuler(4, 3), (x, sigma) => (0.5f * x) + (0.1f * sigma) - 0.2f, start: 1);

        Close.To([0.943076921f, 0.851769891f, 0.682049079f, 0.680781960f], actual, 1e-6);
    }

    [Fact]
    public void Timesteps_keep_their_fractions()
    {
        var solver = new FlowEuler(4, 3);

        Assert.Equal(857.6923f, solver.Timesteps[1], 1e-3f);
    }

    [Fact]
    public void Straight_path_is_solved_exactly() =>
        Gen.Select(Gen.Int[1, 100], Gen.Double[0.5, 12], Gen.Float[-3f, 3f], Gen.Float[-3f, 3f]).Sample((steps, shift, start, velocity) =>
        {
            var solver = new FlowEuler(steps, shift);

            var end = Toy.Trajectory(solver, (_, _) => velocity, start)[^1];

            // Each step rounds a sum of at most 6 once, by half of 2^-21, and a much smaller product.
            Assert.Equal(start - ((double)solver.Sigmas[0] * velocity), end, 3e-7 * (steps + 1));
        });

    [Fact]
    public void Curved_field_converges_in_first_order()
    {
        var errors = Toy.Errors(steps => new FlowEuler(steps, 3));

        Assert.InRange(errors[0] / errors[1], 1.7, 2.3);
        Assert.InRange(errors[1] / errors[2], 1.7, 2.3);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(double.NaN)]
    public void Shift_that_no_table_can_be_made_of_is_refused(double shift) => Assert.Throws<InferenceException>(() => new FlowEuler(20, shift));
}
