using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>
/// People who gave the key on the page: a cookie that scripts cannot read, and that holds a signed time and not the key. It is valid for half a day after the last look, and not longer than the
/// keys stay as they are. Like a browser's password it opens pages; what changes something must also say that it comes from the page itself.
/// </summary>
internal sealed class PageSessions(ApiKeys keys, SignedLinks links)
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(12);

    // The line feed keeps it apart from everything that has a signed link: no blob has one in its name.
    private readonly string _subject = $"page\n{keys.Fingerprint}";

    /// <summary>True when a key is asked for.</summary>
    public bool IsKeyed => !keys.IsOpen;

    /// <summary><c>POST /session</c> with the key opens one, <c>DELETE /session</c> ends it.</summary>
    public void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/session", (HttpRequest request) => Open(request.HttpContext)).ExcludeFromDescription();
        app.MapDelete("/session", (HttpRequest request) => Close(request.HttpContext)).ExcludeFromDescription();
    }

    /// <summary>Whether the request comes from a browser that is signed in, and may do what it asks for.</summary>
    public bool Allows(HttpRequest request) => Left(request) is not null && (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || IsFromThePage(request));

    /// <summary>Whoever was shown a page may use its buttons: gives a session to a browser that has the key from elsewhere, and makes one of which half is over a whole one again.</summary>
    public void Keep(HttpContext context)
    {
        if (IsKeyed && !(Left(context.Request) > Life / 2))
            Give(context);
    }

    // Browsers name the site in the first header on this machine and over https, and in the second for every request that changes something.
    private static bool IsFromThePage(HttpRequest request) => request.Headers["Sec-Fetch-Site"] is [var site]
        ? site == "same-origin"
        : request.Headers.Origin is [var origin] && string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);

    private NoContent Open(HttpContext context)
    {
        Give(context);
        return TypedResults.NoContent();
    }

    private static NoContent Close(HttpContext context)
    {
        context.Response.Cookies.Delete(Name(context.Request), Options(context.Request));
        return TypedResults.NoContent();
    }

    private void Give(HttpContext context) => context.Response.Cookies.Append(Name(context.Request), links.Token(_subject, Life), Options(context.Request));

    private TimeSpan? Left(HttpRequest request) => links.Accepts(_subject, request.Cookies[Name(request)]);

    // Servers on other ports of this machine share its cookies.
    private static string Name(HttpRequest request) => request.Host.Port is { } port ? $"sana-session-{port}" : "sana-session";

    private static CookieOptions Options(HttpRequest request) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Lax,
        Secure = request.IsHttps,
        Path = request.PathBase + "/",
        IsEssential = true,
    };
}
