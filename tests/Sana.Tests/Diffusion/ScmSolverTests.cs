using CsCheck;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

public sealed class ScmSolverTests
{
    private const float SigmaData = 0.5f;

    private static readonly Gen<(int Steps, int Step)> Places = Gen.Int[1, 20].SelectMany(steps => Gen.Int[0, steps - 1], (steps, step) => (steps, step));

    [Theory]
    [InlineData(2, 0, 1.0000037f, 1.0000037f)]
    [InlineData(2, 1, 0.7827079f, 0.8123100f)]
    [InlineData(4, 1, 0.7071084f, 0.7653677f)]
    [InlineData(4, 2, 0.5000009f, 0.7071068f)]
    [InlineData(4, 3, 0.2928937f, 0.7653666f)]
    public void Flow_time_and_input_scale_are_the_worked_ones(int steps, int step, float tau, float kappa)
    {
        var solver = new ScmSolver(steps, SigmaData);
        var scaled = new float[1];

        solver.ScaleInput(step, [SigmaData], scaled);

        Assert.Equal(tau, solver.Tau(step), 1.2e-7f);
        Assert.Equal(kappa, scaled[0], 1.2e-7f);
    }

    [Fact]
    public void Scaled_input_lies_on_the_straight_path_of_the_network() =>
        Gen.Select(Places, Gen.Float[-2f, 2f], Gen.Float[-2f, 2f]).Sample((place, clean, noise) =>
        {
            var solver = new ScmSolver(place.Steps, SigmaData);
            var tau = solver.Tau(place.Step);
            var scaled = new float[1];

            solver.ScaleInput(place.Step, [OnTheCircle(solver.Timesteps[place.Step], clean, noise)], scaled);

            Assert.Equal(((1 - tau) * clean) + (tau * noise), scaled[0], 4e-6f);
        });

    [Fact]
    public void Step_with_the_true_straight_velocity_recovers_the_clean_latents() =>
        Gen.Select(Places, Gen.Float[-2f, 2f], Gen.Float[-2f, 2f], Gen.Float[-2f, 2f]).Sample((place, clean, noise, fresh) =>
        {
            var solver = new ScmSolver(place.Steps, SigmaData);
            float[] latents = [OnTheCircle(solver.Timesteps[place.Step], clean, noise)];
            float[] scaled = [0];
            float[] velocity = [noise - clean];

            solver.ScaleInput(place.Step, latents, scaled);
            solver.Velocity(place.Step, scaled, velocity, velocity);
            solver.Step(place.Step, latents, velocity, [fresh]);

            Assert.Equal(OnTheCircle(solver.Timesteps[place.Step + 1], clean, fresh), latents[0], 4e-6f);
        });

    [Fact]
    public void Noise_of_the_last_step_has_no_weight()
    {
        var solver = new ScmSolver(2, SigmaData);
        float[] without = [0.3f, -0.4f];
        float[] with = [0.3f, -0.4f];

        solver.Step(1, without, [0.1f, 0.2f], []);
        solver.Step(1, with, [0.1f, 0.2f], [5, -5]);

        Assert.Equal(without, with);
    }

    [Fact]
    public void Scaling_of_noise_and_its_inverse_are_exact_for_one_half()
    {
        var solver = new ScmSolver(2, SigmaData);
        float[] latents = [1.7f, -0.3f];

        solver.ScaleNoise(latents);
        Close.To([0.85f, -0.15f], latents, 0);
        solver.Unscale(latents);

        Close.To([1.7f, -0.3f], latents, 0);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-0.5f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Sigma_data_that_is_not_a_positive_number_is_refused(float sigmaData) => Assert.Throws<InferenceException>(() => new ScmSolver(2, sigmaData));

    private static float OnTheCircle(double angle, float clean, float noise) => (float)(SigmaData * ((Math.Cos(angle) * clean) + (Math.Sin(angle) * noise)));
}
