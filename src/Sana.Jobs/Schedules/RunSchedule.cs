using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Schedules;

/// <summary>
/// One schedule: wait until the next tick, start the run, forget the history, again. Ticks that were missed while nothing ran fire as one, because the next is counted from
/// now; whoever owns the journal owns the schedule, so nothing starts twice.
/// </summary>
public sealed class RunSchedule : TaskOrchestrator<ScheduleState, bool>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<ScheduleState, bool> Workflow = new(nameof(RunSchedule));

    private static readonly TaskOptions Retry = Tasks.Retry(10, longest: TimeSpan.FromMinutes(1));

    /// <inheritdoc />
    public override async Task<bool> RunAsync(TaskOrchestrationContext context, ScheduleState input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (await context.Call(ScheduleActivities.NextTick, new NextTick(input.Run.Schedule, context.CurrentUtcDateTime)) is not { } due)
            return false;
        context.SetCustomStatus(due);
        // A timer lasts as long as it was asked for; when the clock is set back meanwhile, it ends before the hour.
        do
            await context.CreateTimer(due, CancellationToken.None);
        while (context.CurrentUtcDateTime < due);

        var started = input.Before;
        try
        {
            started = await context.Call(ScheduleActivities.StartScheduledRun, new Tick(input.Run, due, input.Before), Retry);
        }
        catch (TaskFailedException error)
        {
            // A tick that cannot start, for a file that is not there, is no reason to end the schedule.
            context.CreateReplaySafeLogger<RunSchedule>().TickFailed(input.Run.Schedule.Name, Tasks.Chain(error.FailureDetails).Last().ErrorMessage);
        }

        context.ContinueAsNew(input with { Before = started });
        return true;
    }
}

/// <summary>What schedules have to say.</summary>
internal static partial class ScheduleLogs
{
    [LoggerMessage(301, LogLevel.Error, "Schedule {Name} could not start its run: {Sentence}")]
    public static partial void TickFailed(this ILogger logger, string name, string sentence);
}
