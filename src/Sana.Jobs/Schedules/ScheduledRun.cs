using Cronos;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Schedules;

/// <summary>When, and what: exactly one of <paramref name="Generate"/> and <paramref name="Curate"/>.</summary>
/// <param name="Schedule">When.</param>
/// <param name="Generate">A generation run over a file of prompts. Unchanged prompts are the same run, which skips what it has.</param>
/// <param name="Curate">A curation run over a source.</param>
public sealed record ScheduledRun(Schedule Schedule, ScheduledGeneration? Generate = null, ScheduledCuration? Curate = null)
{
    /// <summary>Looks at everything that can be looked at before the first tick.</summary>
    /// <exception cref="SanaException">It says nothing to do, two things, or a time that cannot be read.</exception>
    public void Check()
    {
        if (Schedule.Name.Length is 0 or > 64 || Schedule.Name.AsSpan().ContainsAnyExcept(Letters))
            throw new SanaException($"The schedule name '{Schedule.Name}' takes a-z, 0-9 and hyphens, 1…64 characters.");
        if (Generate is null == Curate is null)
            throw new SanaException($"Schedule '{Schedule.Name}' needs one of generate and curate.");
        _ = Schedule.Next(DateTime.UnixEpoch);
    }

    private static readonly System.Buffers.SearchValues<char> Letters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");
}

/// <summary>A generation run by the clock.</summary>
/// <param name="Prompts">A file on this machine, .txt or .jsonl, read anew at each tick.</param>
/// <param name="Images">Images for each prompt, 1…10,000. Default 1.</param>
/// <param name="Steps">Default the checkpoint's.</param>
/// <param name="Width">Pixels. Default the checkpoint's.</param>
/// <param name="Height">Pixels. Default the checkpoint's.</param>
public sealed record ScheduledGeneration(string Prompts, int Images = 1, int? Steps = null, int? Width = null, int? Height = null);

/// <summary>A curation run by the clock.</summary>
/// <param name="Source">A name of <c>sources</c>.</param>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">The same version at each tick. Default: each tick makes the next one, of what is new since the last.</param>
/// <param name="ItemsPerShard">1…10,000. Default 1,000.</param>
public sealed record ScheduledCuration(string Source, string Dataset, string? Version = null, int ItemsPerShard = 1000);

/// <summary>One tick of a schedule.</summary>
/// <param name="Run">Whose.</param>
/// <param name="Due">When it was due, UTC.</param>
/// <param name="Before">The instance that the tick before it started; null for none.</param>
public sealed record Tick(ScheduledRun Run, DateTime Due, string? Before);

/// <summary>Where a schedule stands.</summary>
/// <param name="Run">What runs when.</param>
/// <param name="Before">The instance that the last tick started; null for none.</param>
public sealed record ScheduleState(ScheduledRun Run, string? Before = null);

/// <summary>Asks for the first tick after a time.</summary>
public sealed record NextTick(Schedule Schedule, DateTime After);

/// <summary>Names of the orchestration and activities of schedules.</summary>
public static class ScheduleActivities
{
    /// <summary>The first tick after a time; null when there is none any more. An activity, because the machine's time zones may change.</summary>
    public static readonly Activity<NextTick, DateTime?> NextTick = new(nameof(NextTick));

    /// <summary>Starts what is due and gives the instance; the earlier one while that still runs.</summary>
    public static readonly Activity<Tick, string?> StartScheduledRun = new(nameof(StartScheduledRun));

    /// <summary>The instance that runs a schedule.</summary>
    public static string Instance(string schedule) => $"schedule-{schedule}";
}

/// <summary>A run that starts by the clock: an entry of <c>schedules</c> in <c>sana.json</c>.</summary>
public sealed record Schedule
{
    /// <value>1…64 of a-z, 0-9 and hyphens; part of the ids of the runs it starts.</value>
    public required string Name { get; init; }

    /// <value>NCRONTAB as Azure Functions have it, <c>{second} {minute} {hour} {day} {month} {weekday}</c>, or the five fields of cron.</value>
    public required string Cron { get; init; }

    /// <value>IANA name of the zone in which the expression is read. Default UTC.</value>
    public string Zone { get; init; } = "UTC";

    /// <summary>The first tick after a time, or null when there is none any more.</summary>
    /// <param name="after">UTC.</param>
    /// <exception cref="SanaException">The expression or the zone cannot be read.</exception>
    public DateTime? Next(DateTime after)
    {
        try
        {
            var fields = Cron.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
            var expression = CronExpression.Parse(Cron, fields == 6 ? CronFormat.IncludeSeconds : CronFormat.Standard);
            return expression.GetNextOccurrence(DateTime.SpecifyKind(after, DateTimeKind.Utc), TimeZoneInfo.FindSystemTimeZoneById(Zone));
        }
        catch (CronFormatException error)
        {
            throw new SanaException($"Schedule '{Name}' has the expression '{Cron}', which is not NCRONTAB such as '0 30 2 * * *': {error.Message}", error);
        }
        catch (Exception error) when (error is TimeZoneNotFoundException or InvalidTimeZoneException)
        {
            throw new SanaException($"Schedule '{Name}' has the zone '{Zone}', which this machine does not know; use an IANA name such as Europe/Berlin.", error);
        }
    }
}
