using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Workflows.Contract;
using Sana.Workflows.Curation;
using Sana.Workflows.Schedules;

namespace Sana.Functions;

/// <summary>Curates the inbox by the clock. A tick that comes twice is one run, and one that comes while the run before it goes on starts none.</summary>
internal sealed class CurateOnSchedule(Wiring wiring, EngineSlot engine, FunctionsSettings settings, TimeProvider clock)
{
    private const string Schedule = "inbox";

    [Function("CurateOnSchedule")]
    public async Task Tick([TimerTrigger("%CurationCron%")] TimerInfo timer, [DurableClient] DurableTaskClient durable, FunctionContext context)
    {
        engine.Use(durable);
        var host = await wiring.Get(context.CancellationToken);
        var running = await engine.List(new InstanceQuery { IdPrefix = CurationSubmission.InstanceId(settings.CurationDataset, ""), Statuses = [WorkflowStatus.Running, WorkflowStatus.Suspended], Limit = 1 });
        // The host remembers when the tick was due; the first one ever has only now.
        var due = timer.ScheduleStatus is { Last.Year: > 2000 } status ? status.Last.ToUniversalTime() : clock.GetUtcNow().UtcDateTime;
        var run = new ScheduledRun(new Schedule { Name = Schedule, Cron = settings.CurationCron }, Curate: new ScheduledCuration(Schedule, settings.CurationDataset));
        var begin = host.Registry.FindStep(ScheduleNames.Begin.Name)!;
        await begin(WorkflowJson.Write(new Tick(run, due, running is [var before] ? before.Id : null)), context.CancellationToken);
    }
}
