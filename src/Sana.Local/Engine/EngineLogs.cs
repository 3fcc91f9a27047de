using Microsoft.Extensions.Logging;

namespace Sana.Local.Engine;

/// <summary>What the engine itself has to say.</summary>
internal static partial class EngineLogs
{
    [LoggerMessage(101, LogLevel.Warning, "{Sentence}")]
    public static partial void Refused(this ILogger logger, string sentence);

    [LoggerMessage(102, LogLevel.Critical, "The engine stopped.")]
    public static partial void Broke(this ILogger logger, Exception error);
}
