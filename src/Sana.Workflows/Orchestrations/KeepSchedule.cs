using Sana.Workflows.Contract;
using Sana.Workflows.Schedules;

namespace Sana.Workflows.Orchestrations;

/// <summary>
/// One schedule: sleep until the next tick, start the run, forget the history, again. Ticks that were missed while nothing ran fire as one, because the next is counted from
/// now; whoever owns the journal owns the schedule, so nothing starts twice.
/// </summary>
public sealed class KeepSchedule : IWorkflow<ScheduleState, bool>
{
    private static readonly StepRetry Patient = new() { MaxAttempts = 10, MaxInterval = TimeSpan.FromMinutes(1) };

    /// <inheritdoc />
    public async Task<bool> Run(IWorkflowContext context, ScheduleState input)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(input);
        if (await context.Call(ScheduleNames.Next, new NextTick(input.Run.Schedule, context.UtcNow)) is not { } due)
            return false;
        context.SetStatus(due);
        await context.Timer(due);

        var started = input.Before;
        try
        {
            started = await context.Call(ScheduleNames.Begin, new Tick(input.Run, due, input.Before), Patient);
        }
        catch (StepFailedException error)
        {
            // A tick that cannot start, for a file that is not there, is no reason to end the schedule.
            context.Logger.TickFailed(input.Run.Schedule.Name, error.ErrorMessage);
        }

        context.ContinueAsNew(input with { Before = started });
        return true;
    }
}
