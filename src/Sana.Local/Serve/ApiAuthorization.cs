using System.Text;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>Which requests are allowed: those with a key, those of a browser that is signed in, and signed links. What a page of another site sends is refused, with a key or without.</summary>
internal sealed class ApiAuthorization(ServeSettings settings, SignedLinks links, PageSessions sessions)
{
    private const string Blobs = "/v1/blobs/";

    public async Task Pass(HttpContext context, RequestDelegate next)
    {
        var (request, headers) = (context.Request, context.Response.Headers);
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        // Whoever has a link may show it: an <img> in a page of another site sends no header that could ask for leave.
        headers["Cross-Origin-Resource-Policy"] = IsSignedLink(request) ? "cross-origin" : "same-origin";
        var status = IsOfAnotherSite(request) ? 403 : IsKnown(request) ? 0 : 401;
        if (status == 0)
            await next(context);
        else if (status == 401 && SignInPage.IsFor(request))
            await SignInPage.Answer(context).ExecuteAsync(context);
        else
            await ApiResponse.ForStatus(request, status).ExecuteAsync(context);
    }

    private bool IsKnown(HttpRequest request) =>
        settings.Keys.IsOpen
        || request.Path.Value is "/healthz" or "/readyz"
        || settings.Keys.Accepts(Bearer(request), request.Headers["api-key"])
        || sessions.Allows(request)
        || IsSignedLink(request);

    private bool IsSignedLink(HttpRequest request) =>
        IsRead(request) && request.Path.Value is { } path && path.StartsWith(Blobs, StringComparison.Ordinal)
        && links.Opens(path[Blobs.Length..], request.Query["exp"], request.Query["sig"]);

    /// <summary>A person's browser asks for a password: any name will do, and the key. It sends it along with everything afterwards, so it opens pages only.</summary>
    private static string? Bearer(HttpRequest request)
    {
        var header = (string?)request.Headers.Authorization;
        const string basic = "Basic ";
        if (header?.StartsWith(basic, StringComparison.OrdinalIgnoreCase) != true)
            return header;
        if (!IsRead(request))
            return null;
        var bytes = new byte[header.Length];
        return Convert.TryFromBase64String(header[basic.Length..].Trim(), bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2) is [_, var key]
                ? $"Bearer {key}"
                : null;
    }

    private bool IsOfAnotherSite(HttpRequest request)
    {
        var origin = request.Headers.Origin;
        if (IsRead(request) || settings.CorsOrigins.Contains($"{origin}", StringComparer.OrdinalIgnoreCase))
            return false;
        if (request.Headers["Sec-Fetch-Site"] is [{ } site])
            return site is not ("same-origin" or "none");
        return origin.Count > 0 && !OutsideAddress.IsOwn(request, origin);
    }

    private static bool IsRead(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
}
