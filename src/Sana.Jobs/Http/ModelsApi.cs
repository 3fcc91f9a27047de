using Microsoft.AspNetCore.Http;
using Sana.Jobs.Networks;

namespace Sana.Jobs.Http;

/// <summary>The models that OpenAI's clients may ask for: the checkpoint that is served.</summary>
public sealed class ModelsApi(ApiParts parts)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly long _started = parts.Clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary><c>GET /v1/models</c>.</summary>
    public Task<IResult> List(HttpRequest request) => ApiResponse.Handle(request, async () => ApiJson.Result(new ModelList([await Served(request)])));

    /// <summary><c>GET /v1/models/{id}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var served = await Served(request);
        return served.Id == id
            ? ApiJson.Result(served)
            : throw new ApiException(404, "model_not_found", $"There is no model '{(id.Length <= 80 ? id : id[..80] + "…")}'; this server has {served.Id}, and makes images with it whatever the request calls it.") { Field = "model" };
    });

    private async Task<ModelCardView> Served(HttpRequest request)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
        patience.CancelAfter(Patience);
        try
        {
            IModel model = parts.Model() is { } loaded ? loaded : await parts.Planned(patience.Token).WaitAsync(patience.Token);
            return new ModelCardView(model.ModelName, _started);
        }
        catch (OperationCanceledException) when (!request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw new ApiException(503, "not_ready", "The model is being loaded.") { RetryAfter = Patience };
        }
    }
}
