using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>
/// Under which address a request asks for this server, and under which the outside knows it. After this, scheme, host and path base of a request are the outside's, and its path is ours: everything
/// that makes a link or compares an origin reads them there.
/// </summary>
internal sealed class OutsideAddress(ServeSettings settings)
{
    private static readonly object AsItCame = new();

    private readonly bool _takesAny = settings.AllowedHosts.Contains("*");
    private readonly IList<StringSegment> _hosts = [.. settings.AllowedHosts.Select(host => new StringSegment(new HostString(host).ToUriComponent()))];

    public Task Pass(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (!IsOurs(request.Host))
        {
            return ApiResponse.ForRefusal(
                request, 400, "unknown_host", $"This server is not known as '{Short(request.Host.Value)}'; name it in hosts of sana.json, or set public_url there when a proxy stands before it.").ExecuteAsync(context);
        }

        context.Items[AsItCame] = Origin(request);
        settings.PublicUrl?.Apply(request);
        // A proxy may leave its prefix in the path or take it off.
        if (request.PathBase.HasValue && request.Path.StartsWithSegments(request.PathBase, out var rest))
            request.Path = rest.HasValue ? rest : "/";
        return next(context);
    }

    /// <summary>Whether an origin is this server's: the outside's, or the one that the request itself came to.</summary>
    public static bool IsOwn(HttpRequest request, string? origin) =>
        string.Equals(origin, Origin(request), StringComparison.OrdinalIgnoreCase) || string.Equals(origin, (string?)request.HttpContext.Items[AsItCame], StringComparison.OrdinalIgnoreCase);

    private static string Origin(HttpRequest request) => $"{request.Scheme}://{request.Host}";

    private bool IsOurs(HostString host)
    {
        try
        {
            return host.HasValue && (_takesAny || HostString.MatchesAny(host.Value, _hosts));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static string Short(string? host) => host is not { Length: > 80 } ? host ?? "" : host[..80] + "…";
}
