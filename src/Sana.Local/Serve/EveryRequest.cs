using Microsoft.AspNetCore.Http;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>What holds for every request, whatever becomes of it: its answer has its id, and HEAD is a GET whose body is not sent.</summary>
internal static class EveryRequest
{
    public static Task Pass(HttpContext context, RequestDelegate next)
    {
        RequestId.Mark(context);
        // Kestrel knows that it was HEAD, and sends no body.
        if (HttpMethods.IsHead(context.Request.Method))
            context.Request.Method = HttpMethods.Get;
        return next(context);
    }
}
