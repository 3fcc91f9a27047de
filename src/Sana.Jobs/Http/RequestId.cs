using Microsoft.AspNetCore.Http;

namespace Sana.Jobs.Http;

/// <summary>The id of a request, <c>x-request-id</c> on every answer: the one that the caller or a proxy sent, else a new one. OpenAI's clients show it with an error.</summary>
public static class RequestId
{
    /// <summary>The header's name, of requests and of answers.</summary>
    public const string Header = "x-request-id";

    private const int Longest = 128;

    /// <summary>Gives a request its id, once, and puts it on the answer, also where an exception clears the headers.</summary>
    public static string Mark(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Items[Header] is string known)
            return known;
        var id = context.Request.Headers[Header] is [{ Length: > 0 and <= Longest } sent] && sent.All(IsPlain) ? sent : $"req_{Guid.CreateVersion7():n}";
        context.Items[Header] = id;
        context.Response.Headers[Header] = id;
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[Header] = id;
            return Task.CompletedTask;
        });
        return id;
    }

    private static bool IsPlain(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' or ':' or '/' or '+' or '=';
}
