using CsCheck;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class FlowDpmSolverTests
{
    private static readonly Gen<(int Steps, double Shift)> Schedules = Gen.Select(Gen.Int[1, 100], Gen.Double[0.5, 12]);

    [Theory]
    [InlineData(20, 3, new float[] { 999, 982, 963, 944, 922, 899, 874, 847, 817, 785, 749, 710, 666, 617, 562, 499, 428, 345, 249, 136 })]
    [InlineData(14, 3, new float[] { 999, 974, 947, 916, 881, 843, 799, 749, 691, 624, 545, 449, 333, 187 })]
    [InlineData(20, 4, new float[] { 999, 986, 972, 957, 940, 922, 902, 881, 856, 829, 799, 765, 726, 682, 631, 571, 499, 413, 307, 173 })]
    [InlineData(20, 6, new float[] { 999, 991, 981, 971, 959, 947, 933, 917, 899, 879, 856, 830, 799, 763, 719, 666, 599, 513, 399, 239 })]
    [InlineData(4, 3, new float[] { 999, 899, 749, 499 })]
    [InlineData(3, 1, new float[] { 999, 666, 332 })]
    public void Timesteps_are_cut_not_rounded(int steps, double shift, float[] expected)
    {
        var solver = new FlowDpmSolver(steps, shift);

        Assert.Equal(expected, solver.Timesteps.ToArray());
    }

    [Theory]
    [InlineData(4, new float[] { 0.959992670f, 0.904917728f, 0.828469877f, 0.696457181f })]
    [InlineData(20, new float[]
    {
        0.993101791f, 0.985815504f, 0.978123155f, 0.969974647f, 0.961326558f, 0.952132406f, 0.942341082f, 0.931896139f, 0.920734999f, 0.908788466f,
        0.895980449f, 0.882227893f, 0.867441579f, 0.851528366f, 0.834396222f, 0.815965555f, 0.796195294f, 0.775156106f, 0.753350829f, 0.727424505f,
    })]
    public void Trajectory_of_a_linear_velocity_is_the_worked_one(int steps, float[] expected)
    {
        var actual = Toy.Trajectory(new FlowDpmSolver(steps, 3), (x, sigma) => (0.5f * x) + (0.1f * sigma) - 0.2f, start: 1);

        Close.To(expected, actual, 1e-6);
    }

    [Fact]
    public void Straight_path_is_solved_exactly() =>
        Gen.Select(Schedules, Gen.Float[-3f, 3f], Gen.Float[-3f, 3f]).Sample((schedule, start, velocity) =>
        {
            var solver = new FlowDpmSolver(schedule.Steps, schedule.Shift);

            var end = Toy.Trajectory(solver, (_, _) => velocity, start)[^1];

            Assert.Equal(start - ((double)solver.Sigmas[0] * velocity), end, 5e-6);
        });

    [Fact]
    public void Closed_form_is_the_textbook_form() =>
        Gen.Select(Schedules, Gen.Float[-2f, 2f]).Sample((schedule, start) =>
        {
            var solver = new FlowDpmSolver(schedule.Steps, schedule.Shift);

            var actual = Toy.Trajectory(solver, Toy.Curved, start);

            Assert.All(Textbook(solver.Sigmas.ToArray(), start).Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        });

    [Fact]
    public void Curved_field_converges_faster_than_first_order()
    {
        var errors = Toy.Errors(steps => new FlowDpmSolver(steps, 3));

        Assert.InRange(errors[0] / errors[1], 2.4, 4.5);
        Assert.InRange(errors[1] / errors[2], 2.4, 4.5);
    }

    [Fact]
    public void Vectors_and_tails_round_alike()
    {
        var latents = Enumerable.Repeat(0.7f, 67).ToArray();
        var solver = new FlowDpmSolver(5, 3);

        for (var step = 0; step < 5; step++)
        {
            solver.Step(step, latents, [.. latents.Select(x => Toy.Curved(x, solver.Sigmas[step]))]);
        }

        _ = Assert.Single(latents.Distinct());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(1001)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Shift_that_no_table_can_be_made_of_is_refused(double shift)
    {
        var refusal = Assert.Throws<InferenceException>(() => new FlowDpmSolver(20, shift));

        Assert.Contains("0.001…1000", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(1000)]
    public void Outermost_shifts_stay_finite_over_the_most_steps(double shift)
    {
        var trajectory = Toy.Trajectory(new FlowDpmSolver(1000, shift), Toy.Curved, start: 1);

        Assert.All(trajectory, x => Assert.InRange(x, -3, 3));
    }

    // DPM-Solver++(2M) midpoint as printed, in double, with its logarithms and exponentials.
    private static List<double> Textbook(float[] sigmas, double x)
    {
        var points = new List<double>();
        var previous = 0d;
        for (var i = 0; i < sigmas.Length - 1; i++)
        {
            double s = sigmas[i], t = sigmas[i + 1];
            var m0 = x - (s * Toy.Curved(x, s));
            if (t == 0)
            {
                x = m0;
            }
            else
            {
                var h = Lambda(t) - Lambda(s);
                var factor = (1 - t) * (Math.Exp(-h) - 1);
                var d1 = i == 0 ? 0 : (m0 - previous) / ((Lambda(s) - Lambda(sigmas[i - 1])) / h);
                x = (t / s * x) - (factor * m0) - (0.5 * factor * d1);
            }

            previous = m0;
            points.Add(x);
        }

        return points;
    }

    private static double Lambda(double sigma) => Math.Log(1 - sigma) - Math.Log(sigma);
}
