using Cronos;

namespace Sana.Jobs.Schedules;

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
