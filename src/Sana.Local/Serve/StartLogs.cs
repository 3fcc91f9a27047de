using Microsoft.Extensions.Logging;

namespace Sana.Local.Serve;

/// <summary>Loggers that keep errors to themselves until the server listens: what stops its start is thrown too, and told once, in a sentence.</summary>
internal sealed class StartLogs(ILoggerFactory inner, Func<bool> hasStarted) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Logger(inner.CreateLogger(categoryName), hasStarted);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>The inner one is its owner's.</summary>
    public void Dispose()
    {
    }

    private sealed class Logger(ILogger inner, Func<bool> hasStarted) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel) && (logLevel < LogLevel.Error || hasStarted());

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
