using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>Says nothing while its workflow is replayed: each line was written when it happened.</summary>
internal sealed class ReplaySafeLogger(ILogger inner, IWorkflowContext context) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => !context.IsReplaying && inner.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!context.IsReplaying)
            inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
