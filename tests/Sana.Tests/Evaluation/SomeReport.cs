using Sana.Local.Evaluation;
using Sana.Local.Evaluation.Report;

namespace Sana.Tests.Evaluation;

/// <summary>Reports whose figures are set by hand.</summary>
internal static class SomeReport
{
    public static EvalReport With(int met = 180, int images = 200, double score = 30, double frechet = 0.1)
    {
        var figure = Figure.Of([.. Enumerable.Range(0, images).Select(i => i < met)], [.. Enumerable.Range(0, images).Select(i => score + (i % 2 == 0 ? -2 : 2))], frechet);
        var setting = new Setting("flow-dpm", 20, 4.5);
        return new(
            "tiny", new string('a', 64), "some-clip", new string('b', 64), setting, 0, 128, 0, figure, [new("single_object", 25, figure), new("counting", 25, figure)],
            [new(1, figure), new(2, figure), new(4, figure)],
            [new(setting with { Steps = 4 }, figure), new(setting, figure), new(setting with { Solver = "flow-euler", Steps = 4 }, figure), new(setting with { Solver = "flow-euler" }, figure)],
            [new(setting with { Guidance = 1 }, figure), new(setting, figure)]);
    }
}
