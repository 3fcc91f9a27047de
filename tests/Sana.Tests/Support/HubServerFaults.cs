using Microsoft.AspNetCore.Http;

namespace Sana.Tests.Support;

/// <summary>What the server does instead of answering well.</summary>
public enum HubFault
{
    None, Cut, Unavailable, TooManyRequests, IgnoresRange, WrongBytes, Expired, NotSatisfiable, Silent, GatedRepo, RepoNotFound, RevisionNotFound, BadToken, Forbidden, NoHub,
    QuotaFull, TooLarge, ObjectRefused, WrongObject, Conflict, AnswerLost,
}

public sealed partial class HubServer
{
    private async Task<bool> Misbehaves(HttpContext context, HubCall call)
    {
        switch (_plan(call))
        {
            case HubFault.Unavailable:
                context.Response.StatusCode = 503;
                return true;
            case HubFault.TooManyRequests:
                context.Response.Headers.RetryAfter = "0";
                context.Response.StatusCode = 429;
                return true;
            case HubFault.Expired:
                context.Response.StatusCode = 403;
                return true;
            case HubFault.NotSatisfiable:
                context.Response.StatusCode = 416;
                return true;
            case HubFault.GatedRepo:
                await Refuse(context, 403, "GatedRepo", "Access to this model is restricted");
                return true;
            case HubFault.RepoNotFound:
                await Refuse(context, 401, "RepoNotFound", "Repository not found");
                return true;
            case HubFault.RevisionNotFound:
                await Refuse(context, 404, "RevisionNotFound", "Invalid rev id");
                return true;
            case HubFault.BadToken:
                await Refuse(context, 401, code: null, "Invalid credentials in Authorization header");
                return true;
            case HubFault.Forbidden:
                await Refuse(context, 403, code: null, "This token has no such right.");
                return true;
            case HubFault.QuotaFull:
                await Refuse(context, 507, code: null, "The quota is used up.");
                return true;
            case HubFault.TooLarge:
                await Refuse(context, 413, code: null, "Too much.");
                return true;
            case HubFault.WrongObject:
                await Refuse(context, 422, code: null, "Object does not match its oid");
                return true;
            case HubFault.Conflict:
                await Refuse(context, 412, code: null, "A commit has happened since. Please refresh and try again.");
                return true;
            case HubFault.NoHub:
                await context.Response.WriteAsync("<html>a hotel's page</html>");
                return true;
            case HubFault.Silent:
                await Forever(context);
                return true;
            default:
                return false;
        }
    }

    private static Task Refuse(HttpContext context, int status, string? code, string message)
    {
        context.Response.StatusCode = status;
        if (code is not null)
            context.Response.Headers["X-Error-Code"] = code;
        context.Response.Headers["X-Error-Message"] = message;
        return context.Response.CompleteAsync();
    }

    private static async Task Forever(HttpContext context)
    {
        var aborted = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(aborted.SetResult);
        await aborted.Task;
    }
}
