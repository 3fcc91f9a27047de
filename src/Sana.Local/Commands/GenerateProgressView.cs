using System.Globalization;
using Sana.Jobs.Generation;
using Spectre.Console;

namespace Sana.Local.Commands;

/// <summary>Live bars on stderr with the time that is left; nothing where nobody watches.</summary>
internal static class GenerateProgressView
{
    /// <summary>Runs the work under a bar for images and one for the steps of the batch.</summary>
    public static Task<RunSummary> Watch(long total, Func<IProgress<RunProgress>, Task<RunSummary>> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .StartAsync(async bars =>
            {
                var images = bars.AddTask("images", maxValue: total);
                var steps = bars.AddTask("step", maxValue: 1);
                return await work(new Bars(images, steps));
            });
    }

    private sealed class Bars(ProgressTask images, ProgressTask steps) : IProgress<RunProgress>
    {
        public void Report(RunProgress value)
        {
            var (stage, step, count) = value.Stage;
            var part = stage switch
            {
                "denoise" when count > 0 => (double)step / count,
                "decode" => 1,
                _ => 0,
            };
            images.Value = value.Done + (value.Rendering * part);
            images.Description = string.Create(CultureInfo.InvariantCulture, $"images {value.Done}/{value.Total}");
            steps.MaxValue = Math.Max(count, 1);
            steps.Value = step;
            steps.Description = stage ?? "write";
        }
    }
}
