using System.Net;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// What a failure means for the run: that it may pass, that this image cannot be asked about, that the provider's filter took offence, or that the captioner is
/// of no use until somebody does something about it.
/// </summary>
internal static partial class EndpointFailure
{
    /// <summary>The failure in an answer with a status that is no success.</summary>
    public static EndpointFault Of(HttpStatusCode status, string body, string? key, TimeSpan? retryAfter)
    {
        var said = EndpointMessage.Read(body, key);
        return Judge((int)status, $"The endpoint answered {(int)status} {status}", said, body, retryAfter);
    }

    /// <summary>The failure in an answer that came as a success and is none.</summary>
    public static EndpointFault InAnswer(string body, string? key)
    {
        var said = EndpointMessage.Read(body, key);
        var status = StatusInBody().Match(body) is { Success: true } found ? int.Parse(found.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : 200;
        if (said.Length == 0 && !IsFilter(body))
            return EndpointFault.BadAnswer("The answer has no choice with a message.");
        return Judge(status, "The endpoint answered with an error instead of a caption", said, body, retryAfter: null);
    }

    /// <summary>An answer that is no JSON: a web page, a text.</summary>
    public static EndpointFault NoJson(string body, string? key)
    {
        var said = EndpointMessage.Read(body, key);
        return EndpointFault.BadAnswer(said.Length == 0 ? "The answer is no JSON."
            : EndpointMessage.IsWebPage(body) ? $"The endpoint answered with a web page instead of JSON: {said}. An endpoint's address often ends in /v1."
            : $"The answer is no JSON: {said}");
    }

    /// <summary>Whether words of a provider say that its content filter stepped in.</summary>
    public static bool IsFilter(string words) => Filter().IsMatch(words);

    private static EndpointFault Judge(int status, string what, string said, string body, TimeSpan? retryAfter)
    {
        var sentence = said.Length > 0 ? $"{what}: {said}" : $"{what}.";
        var isBusy = status is 408 or 409 or 425 or 502 or 503 or 504 or 529;
        if (!isBusy && status != 401 && IsFilter(body))
            return new EndpointFault(Reasons.CaptionRefusal, $"The provider's content filter refused: {said}", retryable: false);
        if (status is 401 or 402 or 403 or 404 or 405 or 410 || (!isBusy && IsForGood(status, body, retryAfter)))
            return new EndpointFault(Reasons.CaptionerRefused, sentence, retryable: false) { IsPermanent = true };
        if (isBusy || status is 429 or >= 500 || (status == 200 && Busy().IsMatch(body)))
            return new EndpointFault(Reasons.CaptionerUnavailable, sentence, retryable: true, retryAfter);
        return status == 200 ? EndpointFault.BadAnswer(sentence) : new EndpointFault(Reasons.CaptionerRefused, sentence, retryable: false);
    }

    // Google says quota of a minute's limit too, and then says when to come again.
    private static bool IsForGood(int status, string body, TimeSpan? retryAfter) =>
        Account().IsMatch(body) ? !(status == 429 && (retryAfter is not null || ComeAgain().IsMatch(body))) : status != 429 && NoSuchModel().IsMatch(body);

    [GeneratedRegex("""
        content[_\ -]?(?:filter|policy|management|moderation|violation|inspection|safety)|responsible[_\ ]?ai|moderation|data[_\ ]?inspection|inappropriate|guardrail
          |safety[_\ ](?:system|filter|setting|polic|reason|check|rating)|\bsafety\b(?=["'\s]*\z)|prohibited[_\ ]content|blocklist|block_?reason|flagged|\bsensitive\b|\bspii\b|\brecitation\b
          |\Arefusal\z|image_safety|unsafe[_\ ](?:content|image)|nsfw
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Filter();

    [GeneratedRegex("""
        insufficient[_\ ](?:quota|credit|balance|fund)|exceeded\ your\ current\ quota|quota[^".]{0,40}(?:exhausted|used\ up)|billing|credit\ balance|(?:out\ of|no|not\ enough)\ credits?|payment\ required
          |invalid[_\ ]?api[_\ ]?key|incorrect\ api\ key|api[_\ ]key[_\ ](?:not\ valid|invalid|expired|not\ found)|invalid[_\ ]authentication|authentication[_\ ]?error|arrearage|account[^".]{0,40}(?:deactivated|suspended|disabled)
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex Account();

    [GeneratedRegex("""
        model[_\ ]not[_\ ](?:found|exist)|no\ such\ model|unknown[_\ ]model|invalid[_\ ]model|modelnotfound|deploymentnotfound|not\ a\ valid\ model
          |model[^".]{0,120}(?:does\ not\ exist|not\ found|no\ longer\ (?:available|supported)|has\ been\ (?:deprecated|removed))
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase)]
    private static partial Regex NoSuchModel();

    [GeneratedRegex("rate.?limit|overload|too many requests|timed? ?out|unavailable|capacity|try again|busy|temporar", RegexOptions.IgnoreCase)]
    private static partial Regex Busy();

    [GeneratedRegex("retry[ -]?(?:in|after|delay)|per[ _-]?minute|try again in", RegexOptions.IgnoreCase)]
    private static partial Regex ComeAgain();

    [GeneratedRegex("""["'](?:code|status|status_code)["']\s*:\s*["']?([45]\d\d)["']?\s*[,}]""", RegexOptions.IgnoreCase)]
    private static partial Regex StatusInBody();
}

/// <summary>The provider's own words for a row: one short line, without the key, which some servers repeat.</summary>
internal static partial class EndpointMessage
{
    private const int Longest = 300;
    private static readonly string[] _words = ["message", "msg", "detail", "details", "error_message", "error_msg", "error_description", "reason", "title", "description", "raw", "block_reason", "blockReason"];

    /// <summary>What a body says, of whatever shape: errors as objects, lists or texts, problem details, web pages, plain text.</summary>
    public static string Read(string body, string? key)
    {
        try
        {
            if (AnswerBody.Json(body) is { } root)
                return Plain(string.Join(" ", Words(root, 0).Distinct().Take(3)), key);
        }
        catch (EndpointFault)
        {
            return "";
        }

        var text = IsWebPage(body) ? System.Net.WebUtility.HtmlDecode(Tag().Replace(Hidden().Replace(body[..Math.Min(body.Length, 20_000)], " "), " ")) : body[..Math.Min(body.Length, 1000)];
        return Plain(Spaces().Replace(text, " ").Trim(), key);
    }

    public static bool IsWebPage(string body) => body.AsSpan().TrimStart() is ['<', ..] && Page().IsMatch(body);

    public static string Plain(string text, string? key)
    {
        if (!string.IsNullOrEmpty(key))
            text = text.Replace(key, "***", StringComparison.Ordinal);
        var line = new System.Text.StringBuilder(Math.Min(text.Length, Longest));
        foreach (var letter in text.AsSpan(0, Math.Min(text.Length, Longest)))
            line.Append(char.IsControl(letter) || char.IsSurrogate(letter) ? ' ' : letter);
        return line.ToString().Trim();
    }

    // The texts under the names that errors use, wherever they are; an error that is a text is one itself.
    private static IEnumerable<string> Words(System.Text.Json.Nodes.JsonNode? node, int depth)
    {
        if (depth > 8)
            return [];
        return node switch
        {
            System.Text.Json.Nodes.JsonArray list => list.Take(8).SelectMany(one => ChatAnswer.Word(one) is { } text ? [text] : Words(one, depth + 1)),
            System.Text.Json.Nodes.JsonObject found => found.OrderBy(member => member.Key is "error" or "errors" ? 0 : member.Key == "metadata" ? 2 : 1).SelectMany(member => ChatAnswer.Word(member.Value) is { } text
                ? (_words.Contains(member.Key) || member.Key is "error" or "errors" ? (IEnumerable<string>)[text] : [])
                : Words(member.Value, depth + 1)),
            _ => [],
        };
    }

    [GeneratedRegex("<!doctype|<html|<head|<body|<title|<h1|<center|<p>", RegexOptions.IgnoreCase)]
    private static partial Regex Page();

    [GeneratedRegex("<(script|style)\\b.*?</\\1>|<!--.*?-->", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Hidden();

    [GeneratedRegex("<[^<>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
