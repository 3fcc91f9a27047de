using Sana.Inference.Diffusion;

namespace Sana.Tests.Diffusion;

/// <summary>Velocity fields of one variable in the place of the network.</summary>
internal static class Toy
{
    public static float Curved(float x, float sigma) => (float)Curved((double)x, sigma);

    public static double Curved(double x, double sigma) => (0.5 * x) + (0.1 * sigma) - 0.2 + (0.3 * Math.Sin(3 * x));

    /// <summary>The latent after each step.</summary>
    public static float[] Trajectory(ISolver solver, Func<float, float, float> velocity, float start)
    {
        float[] latents = [start];
        var points = new float[solver.Timesteps.Length];
        for (var step = 0; step < points.Length; step++)
        {
            solver.Step(step, latents, [velocity(latents[0], solver.Sigmas[step])]);
            points[step] = latents[0];
        }

        return points;
    }

    /// <summary>How far off the end of the curved field's path is after 80, 160 and 320 steps; below some 40 the error changes its sign and says nothing.</summary>
    public static double[] Errors(Func<int, ISolver> solver)
    {
        var exact = RungeKutta(start: 2, from: solver(1).Sigmas[0], steps: 20_000);
        return [.. from doubling in Enumerable.Range(0, 3) select Math.Abs(Trajectory(solver(80 << doubling), Curved, start: 2)[^1] - exact)];
    }

    /// <summary>The end, at sigma 0, of the curved field's path.</summary>
    private static double RungeKutta(double start, double from, int steps)
    {
        var (x, h) = (start, -from / steps);
        for (var i = 0; i < steps; i++)
        {
            var sigma = from + (i * h);
            var k1 = Curved(x, sigma);
            var k2 = Curved(x + (h / 2 * k1), sigma + (h / 2));
            var k3 = Curved(x + (h / 2 * k2), sigma + (h / 2));
            var k4 = Curved(x + (h * k3), sigma + h);
            x += h / 6 * (k1 + (2 * k2) + (2 * k3) + k4);
        }

        return x;
    }
}
