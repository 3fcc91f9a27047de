using System.Globalization;
using Sana.Inference.Diffusion;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Schedules;

/// <summary>The activities of schedules, and how the schedules of a configuration become instances.</summary>
/// <param name="blobs">Where prompts go.</param>
/// <param name="sources">Places that curation may read, by name.</param>
/// <param name="curation">How datasets are made.</param>
/// <param name="device">What the worker runs on, for the records of a run.</param>
public sealed class ScheduleSteps(IBlobs blobs, IReadOnlyDictionary<string, string> sources, Func<CurationSettings> curation, string device)
{
    /// <summary>Adds the orchestration and its activities.</summary>
    /// <param name="tasks">Where to.</param>
    /// <param name="client">Starts the runs.</param>
    public void AddTo(TaskRegistry tasks, WorkflowClient client)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        tasks
            .AddOrchestrator<RunSchedule>()
            .Add(ScheduleActivities.NextTick, (asked, _) => Task.FromResult(asked.Schedule.Next(asked.After)))
            .Add(ScheduleActivities.StartScheduledRun, (tick, cancellation) => Begin(client, tick, cancellation));
    }

    /// <summary>Keeps the schedules of the configuration, changed ones from now on, and ends those that it has no more.</summary>
    public static async Task Apply(WorkflowClient client, IReadOnlyList<ScheduledRun> wanted)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(wanted);
        foreach (var old in await client.List(ScheduleActivities.Instance(""), limit: 10_000, isFinished: false))
        {
            if (wanted.Contains(WorkflowJson.Read<ScheduleState>(old.Input).Run))
                continue;
            await client.Cancel(old.Id, "the configuration changed");
            await client.Wait(old.Id);
        }

        foreach (var run in wanted)
            await client.Start(RunSchedule.Workflow, new ScheduleState(run), ScheduleActivities.Instance(run.Schedule.Name), restartFinished: true);
    }

    private async Task<string?> Begin(WorkflowClient client, Tick tick, CancellationToken cancellationToken)
    {
        if (tick.Before is { } before && await client.Get(before) is { IsFinished: false })
            return before;
        var id = string.Create(CultureInfo.InvariantCulture, $"{tick.Run.Schedule.Name}-{tick.Due:yyyyMMdd't'HHmmss}");
        if (tick.Run.Generate is { } generate)
            return await Generate(client, $"generate-{id}", generate, cancellationToken);

        var curate = tick.Run.Curate!;
        var place = sources.GetValueOrDefault(curate.Source) ?? throw new SanaException($"sana.json has no source '{curate.Source}'.");
        var (version, since) = curate.Version is { } fixedVersion ? (fixedVersion, null) : await CurationSubmission.NextVersion(blobs, curate.Dataset, cancellationToken);
        var job = new CurationJob(place, curate.Dataset, version, since, curation() with { ItemsPerShard = curate.ItemsPerShard });
        return (await CurationSubmission.Start(client, blobs, job, CurationSubmission.Pace, cancellationToken)).Instance.Id;
    }

    private async Task<string> Generate(WorkflowClient client, string id, ScheduledGeneration asked, CancellationToken cancellationToken)
    {
        var job = new GenerateJob
        {
            Prompts = PromptFile.Open(asked.Prompts),
            Images = asked.Images,
            Device = device,
            Options = new GenerateOptions { Steps = asked.Steps, Width = asked.Width, Height = asked.Height },
        };
        var document = await GenerateSubmission.Write(blobs, job, cancellationToken);
        return (await client.Start(GenerateImages.Workflow, new GenerateRequest(document, new Pace()), id)).Instance.Id;
    }
}
