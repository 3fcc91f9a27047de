using Microsoft.Extensions.Logging;

namespace Sana.Jobs.Schedules;

/// <summary>What schedules have to say.</summary>
internal static partial class ScheduleLogs
{
    [LoggerMessage(301, LogLevel.Error, "Schedule {Name} could not start its run: {Sentence}")]
    public static partial void TickFailed(this ILogger logger, string name, string sentence);
}
