using Microsoft.AspNetCore.Http;
using Sana.Jobs.Requests;

namespace Sana.Jobs.Http;

/// <summary>Which paths are OpenAI's, where errors are its error objects; and what its clients ask for that is not here, by name.</summary>
internal static class OpenAIPaths
{
    private const string Here = "This server makes images from text: POST /v1/images/generations, and from pictures: POST /v1/images/edits and /v1/images/variations. Models are listed under GET /v1/models.";

    private static readonly string[] Own = ["/v1/images", "/v1/models", "/v1/files", "/openai"];

    // What their clients ask for under /v1 and is not here.
    private static readonly (string Path, string What)[] Missing =
    [
        ("/uploads", "Uploading a file in parts"),
        ("/chat/completions", "Chat"),
        ("/completions", "Text completion"),
        ("/responses", "The responses API"),
        ("/embeddings", "Embedding text"),
        ("/audio", "Audio"),
        ("/videos", "Video"),
        ("/moderations", "Moderation"),
        ("/assistants", "The assistants API"),
        ("/threads", "The assistants API"),
        ("/vector_stores", "Searching files"),
        ("/fine_tuning", "Fine-tuning"),
        ("/evals", "Running evaluations"),
        ("/realtime", "The realtime API"),
    ];

    /// <summary>Whether errors of this request have OpenAI's form. Batches share a path with those of prompts: the id tells them apart, and in a body what is in it.</summary>
    public static bool Contains(HttpRequest request)
    {
        var path = request.Path;
        return Array.Exists(Own, own => path.StartsWithSegments(own))
            || (path.StartsWithSegments("/v1", out var rest) && Array.Exists(Missing, missing => rest.StartsWithSegments(missing.Path)))
            || path.Value?.StartsWith($"/v1/batches/{BatchFiles.IdPrefix}", StringComparison.Ordinal) == true
            || request.HttpContext.Items.ContainsKey(typeof(OpenAIPaths));
    }

    /// <summary>Notes that a request on a path of both kinds is one of OpenAI's.</summary>
    public static void Mark(HttpContext context) => context.Items[typeof(OpenAIPaths)] = true;

    /// <summary>What to say of a path that leads nowhere.</summary>
    public static ApiException Unknown(HttpRequest request)
    {
        var path = request.Path;
        var shown = $"{request.Method} {Short(path.Value ?? "/")}";
        var below = path.StartsWithSegments("/v1", out var rest) || path.StartsWithSegments("/openai/v1", out rest) ? rest : Deployment(path);
        if (Array.Find(Missing, missing => below.StartsWithSegments(missing.Path)) is { What: { } what })
            return Answer($"{what} ({shown}) is not there yet. {Here}");
        if (path.StartsWithSegments("/v1"))
            return Answer($"There is nothing at {shown}. {Here} GET /openapi/v1.json lists every path.");
        return Answer($"There is nothing at {shown}; the API is under /v1: set the client's base URL to {request.Scheme}://{request.Host}{request.PathBase}/v1.");

        static ApiException Answer(string message) => new(404, "not_found", message) { OpenAICode = "unknown_url" };
    }

    /// <summary>What follows <c>/openai/deployments/{name}</c>.</summary>
    private static PathString Deployment(PathString path)
    {
        if (!path.StartsWithSegments("/openai/deployments", out var rest) || rest.Value is not { Length: > 1 } named)
            return default;
        var end = named.IndexOf('/', 1);
        return end < 0 ? default : new PathString(named[end..]);
    }

    private static string Short(string text) => new([.. (text.Length <= 120 ? text : text[..120] + "…").Where(letter => !char.IsControl(letter))]);
}
