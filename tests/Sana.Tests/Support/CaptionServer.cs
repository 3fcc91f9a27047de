using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Sana.Tests.Support;

/// <summary>What the server does instead of answering well.</summary>
public enum Misbehaviour
{
    None, Refusal, Empty, Cut, Looping, Leak, Reasoning, Echo, OtherLanguage,
    TooManyRequests, ServerError, Hang, GarbageJson, BrokenBody, SlowDrip, WebPage, NoChoices, ToolCall, Unauthorized, NotFound, HugeBody, NoUsage, OddFinishReason,
}

/// <summary>One request that reached the server.</summary>
/// <param name="Model">As asked for.</param>
/// <param name="Image">SHA-256 of the image's bytes, hexadecimal.</param>
/// <param name="Number">How many of this model and image there have been, this one counted.</param>
/// <param name="Body">The request.</param>
/// <param name="Key">What stood in the Authorization or api-key header; null for none.</param>
/// <param name="Query">Of the address.</param>
public sealed record CaptionCall(string Model, string Image, int Number, JsonElement Body, string? Key, string Query);

/// <summary>
/// A captioner's endpoint on loopback that misbehaves on purpose. Which way is a function of model and image alone, so a run can be foretold; it counts every request and refuses those that no real
/// server would take.
/// </summary>
public sealed class CaptionServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<(string Model, string Image), int> _counts = new();
    private readonly ConcurrentQueue<CaptionCall> _calls = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Func<CaptionCall, Misbehaviour> _plan;
    private int _inFlight;
    private int _mostInFlight;

    private CaptionServer(Func<CaptionCall, Misbehaviour> plan)
    {
        _plan = plan;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.MapPost("/v1/chat/completions", Answer);
        _app.MapPost("/openai/deployments/{deployment}/chat/completions", Answer);
    }

    /// <summary>Address to configure, <c>http://127.0.0.1:port/v1</c>.</summary>
    public Uri Endpoint { get; private set; } = null!;

    /// <summary>Every request in order.</summary>
    public IReadOnlyCollection<CaptionCall> Calls => _calls;

    /// <summary>What was wrong with requests; empty when the client behaved.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>The most requests that were open at once.</summary>
    public int MostInFlight => _mostInFlight;

    /// <summary>Starts one.</summary>
    /// <param name="plan">What to do with a call. Default: always well.</param>
    public static async Task<CaptionServer> Start(Func<CaptionCall, Misbehaviour>? plan = null)
    {
        var server = new CaptionServer(plan ?? (_ => Misbehaviour.None));
        await server._app.StartAsync();
        server.Endpoint = new Uri(server._app.Urls.First() + "/v1");
        return server;
    }

    /// <summary>Requests for one model and image.</summary>
    public int Count(string model, string image) => _counts.GetValueOrDefault((model, image));

    /// <summary>
    /// A plan for whole runs: a share of images of each model meets each of the misbehaviours given, the same one in every run, for the first calls of that image; later ones are answered well.
    /// </summary>
    /// <param name="kinds">What may happen.</param>
    /// <param name="percent">Of the images, 0…100.</param>
    /// <param name="calls">So many calls go wrong; <see cref="int.MaxValue"/> for all.</param>
    public static Func<CaptionCall, Misbehaviour> Mixed(IReadOnlyList<Misbehaviour> kinds, int percent, int calls = 1) =>
        call => call.Number <= calls ? Fate(call.Model, call.Image, kinds, percent) : Misbehaviour.None;

    /// <summary>What <see cref="Mixed"/> has for an image.</summary>
    public static Misbehaviour Fate(string model, string image, IReadOnlyList<Misbehaviour> kinds, int percent)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(model + image));
        return hash[0] * 100 / 256 < percent ? kinds[BitConverter.ToUInt16(hash, 1) % kinds.Count] : Misbehaviour.None;
    }

    /// <summary>The good caption of a model for an image: it differs from image to image.</summary>
    public static string Caption(string model, string image)
    {
        string[] things = ["wooden boat", "grey cat", "stone bridge", "red bicycle", "field of barley", "street market", "mountain lake", "glass teapot"];
        string[] lights = ["in the morning sun", "under heavy clouds", "at dusk", "in soft window light", "after the rain"];
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(model + image));
        return $"A {things[hash[0] % things.Length]} {lights[hash[1] % lights.Length]}, seen by {model} from about {hash[2]} metres. The picture has the number {image[..8]} in one corner.";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private async Task Answer(HttpContext context)
    {
        var open = Interlocked.Increment(ref _inFlight);
        InterlockedMax(ref _mostInFlight, open);
        try
        {
            if (await Read(context) is { } call)
                await CaptionBehaviour.Act(_plan(call), call, context);
            else
                await CaptionBehaviour.Error(context, 400, "The request is none that an endpoint takes.");
        }
        catch (OperationCanceledException)
        {
            // the client left
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private async Task<CaptionCall?> Read(HttpContext context)
    {
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = 40_000_000;
        var body = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement;
        var model = body.TryGetProperty("model", out var name) && name.GetString() is { Length: > 0 } given ? given : Complain<string>("no model");
        if (!(body.TryGetProperty("max_tokens", out var most) || body.TryGetProperty("max_completion_tokens", out most)) || most.GetInt32() < 1)
            return Complain<CaptionCall>("no max_tokens");
        if (Image(body) is not { } image || model is null)
            return Complain<CaptionCall>("no image in a data URI");
        var hash = Convert.ToHexStringLower(SHA256.HashData(image));
        var headers = context.Request.Headers;
        var key = headers.Authorization.FirstOrDefault() ?? headers["api-key"].FirstOrDefault();
        var number = _counts.AddOrUpdate((model, hash), 1, (_, count) => count + 1);
        var call = new CaptionCall(model, hash, number, body, key, context.Request.QueryString.Value ?? "");
        _calls.Enqueue(call);
        return call;
    }

    private static byte[]? Image(JsonElement body)
    {
        var parts = body.GetProperty("messages").EnumerateArray().Last().GetProperty("content").EnumerateArray();
        var address = parts.First(part => part.GetProperty("type").GetString() == "image_url").GetProperty("image_url").GetProperty("url").GetString()!;
        var comma = address.IndexOf(";base64,", StringComparison.Ordinal);
        var bytes = new byte[address.Length];
        var isData = address.StartsWith("data:image/", StringComparison.Ordinal) && comma > 0;
        return isData && Convert.TryFromBase64Chars(address.AsSpan(comma + 8), bytes, out var written) && written > 0 ? bytes[..written] : null;
    }

    private T? Complain<T>(string complaint)
        where T : class
    {
        _complaints.Enqueue(complaint);
        return null;
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen;)
        {
            var found = Interlocked.CompareExchange(ref most, value, seen);
            if (found == seen)
                return;
            seen = found;
        }
    }
}
