using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Jobs.Curation;
using Sana.Jobs.Schedules;

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
        var running = await engine.Client.List(CurationSubmission.InstanceId(settings.CurationDataset, ""), limit: 1, isFinished: false);
        // The host remembers when the tick was due; the first one ever has only now.
        var due = timer.ScheduleStatus is { Last.Year: > 2000 } status ? status.Last.ToUniversalTime() : clock.GetUtcNow().UtcDateTime;
        var run = new ScheduledRun(new Schedule { Name = Schedule, Cron = settings.CurationCron }, Curate: new ScheduledCuration(Schedule, settings.CurationDataset));
        await host.Tasks.Find(ScheduleTasks.StartScheduledRun)(new Tick(run, due, running is [var before] ? before.Id : null), context.CancellationToken);
    }
}
