using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sana.Jobs.Networks;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

namespace Sana.Functions;

/// <summary>
/// Loads the networks of the gpu role beside the host, which gives a worker only a minute to start, and makes one small image. Until that is done, and when it cannot be, no message is
/// begun: each goes back for a while.
/// </summary>
internal sealed class WarmUp(RendererSource source, TimeProvider clock, ILogger<WarmUp> log) : BackgroundService
{
    private static readonly TimeSpan _beforeAnotherTry = TimeSpan.FromMinutes(1);

    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Meter _meter = new(SanaTelemetry.Name);
    private volatile WorkerStateBox _state = new(WorkerState.Loading, null);

    /// <value>Where the worker stands.</value>
    public WorkerState State => _state.State;

    /// <value>Ends when the worker is warm.</value>
    public Task Done => _done.Task;

    /// <value>Why it cannot render; null while nothing is wrong.</value>
    public string? Fault => _state.Fault;

    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What a GPU costs it costs while this counts, whether it renders or not.
        _meter.CreateObservableGauge("sana.gpu.alive", () => 1, description: "This replica is there.");
        while (!stoppingToken.IsCancellationRequested && State != WorkerState.Warm)
        {
            var begun = clock.GetTimestamp();
            try
            {
                var renderer = await source.Get(stoppingToken);
                _state = new(WorkerState.Ready, null);
                await source.WarmUp(stoppingToken);
                _state = new(WorkerState.Warm, null);
                log.Renders(renderer.ModelName, clock.GetElapsedTime(begun).TotalSeconds);
                _done.SetResult();
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                // No GPU, no weights, no memory. A replica that says so and tries again is easier to mend than one that dies in a loop.
                log.CannotRender(error, error.Message);
                _state = new(WorkerState.Broken, error.Message);
                source.Reset();
                await Task.Delay(_beforeAnotherTry, clock, stoppingToken);
            }
        }
    }

    private sealed record WorkerStateBox(WorkerState State, string? Fault);
}

/// <summary>What the gpu role has to say.</summary>
internal static partial class RenderLogs
{
    [LoggerMessage(401, LogLevel.Error, "This replica cannot render yet: {Sentence}")]
    public static partial void CannotRender(this ILogger logger, Exception error, string sentence);

    [LoggerMessage(403, LogLevel.Information, "This replica renders {Checkpoint}: loaded and warm in {Seconds:0.0} s.")]
    public static partial void Renders(this ILogger logger, string checkpoint, double seconds);

    [LoggerMessage(404, LogLevel.Information, "This replica is stopped: message {Id} goes back.")]
    public static partial void GoesBack(this ILogger logger, string id);

    [LoggerMessage(402, LogLevel.Information, "Message {Id}: {Settlement}, {Reason}: {Sentence}")]
    public static partial void MessageEnded(this ILogger logger, string id, Sana.Jobs.Worker.SettlementKind settlement, string reason, string? sentence);

    [LoggerMessage(406, LogLevel.Warning, "The card of the model cannot be written: {Sentence}")]
    public static partial void CardNotShown(this ILogger logger, string sentence);

    [LoggerMessage(405, LogLevel.Warning, "Message {Id} cannot be sent anew for later and goes back as it is: {Sentence}")]
    public static partial void NotSentLater(this ILogger logger, string id, string sentence);
}
