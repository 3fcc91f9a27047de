using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Curation;
using Sana.Jobs.Schedules;

namespace Sana.Functions;

/// <summary>Curates the inbox by the clock. A tick that comes twice is one run, and one that comes while the run before it goes on starts none.</summary>
internal sealed class CurateOnSchedule(AppJobs jobs, DurableClientHolder durableClient, FunctionsSettings settings, TimeProvider clock)
{
    private const string Schedule = "inbox";

    [Function("CurateOnSchedule")]
    public async Task Tick([TimerTrigger("%CurationCron%")] TimerInfo timer, [DurableClient] DurableTaskClient durable, FunctionContext context)
    {
        durableClient.Use(durable);
        var host = await jobs.Get(context.CancellationToken);
        var running = await durableClient.Client.List(CurationSubmission.InstanceId(settings.CurationDataset, ""), limit: 1, isFinished: false);
        // The host remembers when the tick was due; the first one ever has only now.
        var due = timer.ScheduleStatus is { Last.Year: > 2000 } status ? status.Last.ToUniversalTime() : clock.GetUtcNow().UtcDateTime;
        var run = new ScheduledRun(new Schedule { Name = Schedule, Cron = settings.CurationCron }, Curate: new ScheduledCuration(Schedule, settings.CurationDataset));
        await host.Tasks.Find(ScheduleActivities.StartScheduledRun)(new Tick(run, due, running is [var before] ? before.Id : null), context.CancellationToken);
    }
}

/// <summary>Once a day forgets what is older than <c>Sana__RetentionDays</c>: the task hub keeps histories until somebody does. What was asked for by name stays.</summary>
internal sealed class PurgeHistories(AppJobs jobs, DurableClientHolder durableClient)
{
    [Function("PurgeHistories")]
    public async Task Purge([TimerTrigger("0 15 3 * * *")] TimerInfo timer, [DurableClient] DurableTaskClient durable, FunctionContext context)
    {
        durableClient.Use(durable);
        await (await jobs.Get(context.CancellationToken)).Jobs.Retention.Purge(context.CancellationToken);
    }
}
