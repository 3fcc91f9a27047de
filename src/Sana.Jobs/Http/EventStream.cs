using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Sana.Jobs.Http;

/// <summary>
/// Server-sent events. The first bytes go out at once and a comment every ten seconds, so that no proxy and no client takes the wait for a dead connection. A fault after that is an event too,
/// <c>error</c>, because the status has gone out.
/// </summary>
internal sealed class EventStream(TimeProvider clock, Func<CancellationToken, IAsyncEnumerable<StreamEvent>> events) : IResult
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        var (response, aborted) = (httpContext.Response, httpContext.RequestAborted);
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache, no-transform";
        // nginx holds answers back unless it is told not to.
        response.Headers["X-Accel-Buffering"] = "no";
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        try
        {
            await Write(response, ": waiting\n\n", aborted);
            await using var source = events(aborted).GetAsyncEnumerator(aborted);
            while (await Next(source, response, aborted))
                await Write(response, source.Current.Text, aborted);
        }
        catch (OperationCanceledException) when (aborted.IsCancellationRequested)
        {
            // Whoever hung up reads nothing.
        }
        catch (Exception error) when (ApiResponse.FaultOf(error) is { } fault)
        {
            await Write(response, StreamEvent.Of("error", new StreamError("error", OpenAIError.Of(fault).Error)).Text, aborted);
        }
    }

    private async Task<bool> Next(IAsyncEnumerator<StreamEvent> source, HttpResponse response, CancellationToken aborted)
    {
        var next = source.MoveNextAsync().AsTask();
        while (await Task.WhenAny(next, Task.Delay(Pause, clock, CancellationToken.None)) != next)
        {
            if (!aborted.IsCancellationRequested)
                await Write(response, ": waiting\n\n", CancellationToken.None);
        }

        return await next;
    }

    private static async Task Write(HttpResponse response, string text, CancellationToken cancellationToken)
    {
        await response.WriteAsync(text, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
}

/// <summary>One event as it goes over the wire.</summary>
internal sealed record StreamEvent(string Text)
{
    /// <summary>An event with a body; JSON has no line ends in it.</summary>
    public static StreamEvent Of<T>(string type, T data) => new($"event: {type}\ndata: {JsonSerializer.Serialize(data, ApiJson.Options)}\n\n");
}

/// <summary>A fault in a stream, as OpenAI's clients read it.</summary>
internal sealed record StreamError(string Type, OpenAIErrorBody Error);
