using Microsoft.AspNetCore.Http;
using Sana.Curation.Report;

namespace Sana.Local.Serve;

/// <summary>What a person sees in place of a page as long as the key was not given. The key goes to the server in a header, and is kept nowhere.</summary>
internal static class SignInPage
{
    /// <summary>Whether a request without a key asks for a page: it is answered with this one.</summary>
    public static bool IsFor(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && (request.Path == "/" || request.Path.StartsWithSegments("/runs", StringComparison.Ordinal)) && !request.Headers.ContainsKey("Authorization");

    /// <summary>The page, with 401. Its challenge is the API's: a browser's own window would ask for a name too.</summary>
    public static IResult Answer(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return StatusPage.Answer(context, Page, isKeyed: true, status: 401);
    }

    private static Html Page(PageFrame frame) => PageMarkup.Page(frame, "Sana", Html.Of($"""
        <form id="signin" class="signin">
        <h1>{PageMarkup.Logo(frame)}</h1>
        <input name="username" autocomplete="username" value="sana" hidden>
        <label>Key<input id="key" type="password" autocomplete="current-password" required autofocus></label>
        <button class="main">Open</button>
        <p id="why" role="alert"></p>
        <small>The key that the server was started with: <code>SANA_API_KEY</code> or <code>--api-key</code>.</small>
        <noscript><p>Signing in needs scripts.</p></noscript>
        </form>
        """), StatusScript.SignIn);
}
