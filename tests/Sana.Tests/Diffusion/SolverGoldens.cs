using System.Globalization;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>The reference's tables and trajectories for every shift and step count of <c>solvers.json</c>.</summary>
[Trait("Category", "Parity")]
public sealed class SolverGoldens
{
    private static readonly JsonElement Goldens = Fixtures.Json("solvers.json").RootElement;

    public static TheoryData<string, string> FlowCases => [.. Cases("dpm"), .. Cases("euler")];

    public static TheoryData<string> ScmCases => [.. Goldens.GetProperty("scm").EnumerateObject().Select(golden => golden.Name)];

    [Theory]
    [MemberData(nameof(FlowCases))]
    public void Timesteps_are_exactly_the_references(string kind, string name)
    {
        var solver = Create(kind, name);

        Assert.Equal(Floats(Goldens.GetProperty(kind).GetProperty(name).GetProperty("timesteps")), solver.Timesteps.ToArray());
    }

    [Theory]
    [MemberData(nameof(FlowCases))]
    public void Sigmas_are_exactly_the_references(string kind, string name)
    {
        var solver = Create(kind, name);

        Assert.Equal(Floats(Goldens.GetProperty(kind).GetProperty(name).GetProperty("sigmas")), solver.Sigmas.ToArray());
    }

    [Theory]
    [MemberData(nameof(FlowCases))]
    public void Trajectory_of_the_toy_velocity_is_the_references(string kind, string name)
    {
        var solver = Create(kind, name);
        float[] latents = [1, -0.5f, 2];
        var points = new List<float[]>();

        for (var step = 0; step < solver.Timesteps.Length; step++)
        {
            var sigma = solver.Sigmas[step];
            solver.Step(step, latents, [.. latents.Select(x => (0.5f * x) + (0.1f * sigma) - 0.2f + (0.3f * MathF.Sin(3 * x)))]);
            points.Add([.. latents]);
        }

        var expected = Goldens.GetProperty(kind).GetProperty(name).GetProperty("trajectory").EnumerateArray().Select(Floats).ToArray();
        Assert.All(expected.Zip(points.TakeLast(expected.Length)), point => Close.To(point.First, point.Second, 1e-6));
    }

    [Theory]
    [MemberData(nameof(ScmCases))]
    public void Angles_are_exactly_the_references(string name)
    {
        var solver = new ScmSolver(int.Parse(name["n=".Length..], CultureInfo.InvariantCulture), 0.5f);

        Assert.Equal(Floats(Goldens.GetProperty("scm").GetProperty(name).GetProperty("timesteps")), solver.Timesteps.ToArray());
    }

    private static IEnumerable<TheoryDataRow<string, string>> Cases(string kind) =>
        Goldens.GetProperty(kind).EnumerateObject().Select(golden => new TheoryDataRow<string, string>(kind, golden.Name));

    // Names are "shift=3,n=20".
    private static ISolver Create(string kind, string name)
    {
        var parts = name.Split(',', '=');
        var (shift, steps) = (double.Parse(parts[1], CultureInfo.InvariantCulture), int.Parse(parts[3], CultureInfo.InvariantCulture));
        return kind == "dpm" ? new FlowDpmSolver(steps, shift) : new FlowEuler(steps, shift);
    }

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];
}
