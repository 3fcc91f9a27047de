using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>Every run that the reference stored: its velocities fed to our solvers give its latents, step after step.</summary>
[Trait("Category", "Parity")]
public sealed class StoredRuns
{
    private const double Tolerance = 2e-6;

    public static TheoryData<string, string> FlowRuns => [.. Runs(scheduler => scheduler != "SCMScheduler")];

    public static TheoryData<string, string> ScmRuns => [.. Runs(scheduler => scheduler == "SCMScheduler")];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FlowRuns))]
    public void Latents_of_a_flow_run_are_the_references(string checkpoint, string run)
    {
        var tensors = SafetensorsReader.Open("expected", $"{checkpoint}.safetensors");
        var solver = FlowSolver(checkpoint, run);
        var latents = tensors.Floats($"run.{run}.noise");

        for (var step = 0; step < solver.Timesteps.Length; step++)
        {
            solver.Step(step, latents, tensors.Floats($"run.{run}.velocity.{step}"));

            Close.To(tensors.Floats($"run.{run}.latents.{step}"), latents, Tolerance);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(FlowRuns))]
    public void Timesteps_of_a_flow_run_are_the_references(string checkpoint, string run)
    {
        var solver = FlowSolver(checkpoint, run);

        Assert.Equal(Timesteps(checkpoint, run), solver.Timesteps.ToArray());
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(ScmRuns))]
    public void Latents_of_a_consistency_run_are_the_references(string checkpoint, string run)
    {
        var tensors = SafetensorsReader.Open("expected", $"{checkpoint}.safetensors");
        var solver = Scm(checkpoint, run);
        var latents = tensors.Floats($"run.{run}.noise");
        solver.ScaleNoise(latents);

        for (var step = 0; step < solver.Steps; step++)
        {
            solver.Step(step, latents, tensors.Floats($"run.{run}.velocity.{step}"), tensors.Floats($"run.{run}.step_noise.{step}"));

            Close.To(tensors.Floats($"run.{run}.latents.{step}"), latents, Tolerance);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(ScmRuns))]
    public void Angles_of_a_consistency_run_are_the_references(string checkpoint, string run)
    {
        var solver = Scm(checkpoint, run);

        Assert.Equal(Timesteps(checkpoint, run), solver.Timesteps.ToArray());
    }

    private static IEnumerable<TheoryDataRow<string, string>> Runs(Func<string, bool> wanted) =>
        from file in Directory.GetFiles(Path.Combine(Fixtures.Sana, "expected"), "*.json").Order(StringComparer.Ordinal)
        let checkpoint = Path.GetFileNameWithoutExtension(file)
        from run in Expected(checkpoint).EnumerateObject()
        where wanted(run.Value.GetProperty("scheduler").GetString()!)
        select new TheoryDataRow<string, string>(checkpoint, run.Name);

    private static ISolver FlowSolver(string checkpoint, string run)
    {
        var expected = Expected(checkpoint).GetProperty(run);
        var steps = expected.GetProperty("steps").GetInt32();
        var shift = Scheduler(checkpoint).GetProperty("flow_shift").GetDouble();
        return expected.GetProperty("scheduler").GetString() switch
        {
            "DPMSolverMultistepScheduler" => new FlowDpmSolver(steps, shift),
            "FlowMatchEulerDiscreteScheduler" => new FlowEuler(steps, shift),
            var other => throw new NotSupportedException(other),
        };
    }

    private static ScmSolver Scm(string checkpoint, string run) =>
        new(Expected(checkpoint).GetProperty(run).GetProperty("steps").GetInt32(), Scheduler(checkpoint).GetProperty("sigma_data").GetSingle());

    private static float[] Timesteps(string checkpoint, string run) =>
        [.. Expected(checkpoint).GetProperty(run).GetProperty("timesteps").EnumerateArray().Select(timestep => timestep.GetSingle())];

    private static JsonElement Expected(string checkpoint) =>
        Fixtures.Json("expected", $"{checkpoint}.json").RootElement.TryGetProperty("runs", out var runs) ? runs : JsonDocument.Parse("{}").RootElement;

    private static JsonElement Scheduler(string checkpoint) => Fixtures.Json("checkpoints", checkpoint, "scheduler", "scheduler_config.json").RootElement;
}
