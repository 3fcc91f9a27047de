using System.Globalization;
using System.Text.Json;
using Sana.Local.Evaluation.Report;
using Sana.Storage;

namespace Sana.Local.Evaluation;

/// <summary>A figure that is worse than in the baseline, by more than chance.</summary>
/// <param name="Name">Which figure.</param>
/// <param name="Before">In the baseline.</param>
/// <param name="Now">Now.</param>
/// <param name="Allowed">The worst value that chance explains.</param>
internal sealed record Regression(string Name, double Before, double Now, double Allowed)
{
    public string Sentence() => string.Create(CultureInfo.InvariantCulture, $"{Name} went from {Before} to {Now}; {Allowed:0.####} is what chance allows.");
}

/// <summary>
/// Holds a report against an earlier one. Shares and scores may fall by what two samples of their sizes differ by chance in one of 200 comparisons; the Fréchet distance, which has no such
/// statistics, may grow by 15 % and is compared only where as many images were drawn. Scores and distances of two scorers are two scales and are not compared.
/// </summary>
internal static class RegressionGate
{
    private const double Z = 2.576, FrechetGrowth = 1.15;

    /// <summary>Reads a baseline.</summary>
    /// <exception cref="JsonException">The file is no report.</exception>
    public static EvalReport Read(string json) => JsonSerializer.Deserialize(json, EvalJson.Indented.EvalReport) is { Overall: not null, Categories: not null, BestOf: not null, Steps: not null, Guidance: not null } report
        ? report : throw new JsonException("It has no figures.");

    /// <summary>Whether both reports have scores, but by different checkpoints.</summary>
    public static bool HaveOtherScorers(EvalReport before, EvalReport now) => before.Clip is { } one && now.Clip is { } other && one != other;

    public static IReadOnlyList<Regression> Compare(EvalReport before, EvalReport now) => HaveOtherScorers(before, now)
        ? Compare(Unscored(before), Unscored(now)) :
    [
        .. Worse("overall", before.Overall, now.Overall),
        .. now.Categories.SelectMany(row => before.Categories.Where(old => old.Category == row.Category).SelectMany(old => Worse(row.Category, old.Figure, row.Figure))),
        .. now.BestOf.SelectMany(row => before.BestOf.Where(old => old.N == row.N).SelectMany(old => Worse($"best of {row.N}", old.Figure, row.Figure))),
        .. now.Steps.SelectMany(row => before.Steps.Where(old => old.Setting == row.Setting).SelectMany(old => Worse(Name(row.Setting), old.Figure, row.Figure))),
        .. now.Guidance.SelectMany(row => before.Guidance.Where(old => old.Setting == row.Setting).SelectMany(old => Worse(Name(row.Setting), old.Figure, row.Figure))),
    ];

    private static EvalReport Unscored(EvalReport report)
    {
        return report with
        {
            Clip = null,
            Overall = Without(report.Overall),
            Categories = [.. report.Categories.Select(row => row with { Figure = Without(row.Figure) })],
            BestOf = [.. report.BestOf.Select(row => row with { Figure = Without(row.Figure) })],
            Steps = [.. report.Steps.Select(row => row with { Figure = Without(row.Figure) })],
            Guidance = [.. report.Guidance.Select(row => row with { Figure = Without(row.Figure) })],
        };

        static Figure Without(Figure figure) => figure with { ClipScore = null, ClipDeviation = null, Frechet = null };
    }

    private static string Name(Setting setting) => string.Create(CultureInfo.InvariantCulture, $"{setting.Solver} {Counted.Of(setting.Steps, "step")} guidance {setting.Guidance}");

    private static IEnumerable<Regression> Worse(string name, Figure before, Figure now)
    {
        // The pooled share; one image more of each kind, so that none and all have a spread too.
        var (n, m) = ((double)before.Images, (double)now.Images);
        var pooled = (before.Met + now.Met + 1) / (n + m + 2);
        var share = before.Share - (Z * Math.Sqrt(pooled * (1 - pooled) * ((1 / n) + (1 / m))));
        if (now.Share < share)
            yield return new($"{name}: share of prompts met", before.Share, now.Share, share);

        if (before is { ClipScore: { } oldScore, ClipDeviation: { } oldDeviation } && now is { ClipScore: { } score, ClipDeviation: { } deviation })
        {
            var least = oldScore - (Z * Math.Sqrt((oldDeviation * oldDeviation / n) + (deviation * deviation / m)));
            if (score < least)
                yield return new($"{name}: score", oldScore, score, least);
        }

        if (before.Frechet is { } oldDistance && now.Frechet is { } distance && before.Images == now.Images && distance > oldDistance * FrechetGrowth)
            yield return new($"{name}: Fréchet distance", oldDistance, distance, oldDistance * FrechetGrowth);
    }
}
