namespace Sana.Storage.Hub;

/// <summary>What the Hub's refusals mean, one sentence each with the fix.</summary>
internal static class HubRefusal
{
    private const int MostQuoted = 200;

    /// <param name="settings">Which Hub, and whether there is a token.</param>
    /// <param name="id">What was asked for.</param>
    /// <param name="path">The file; null for the repository.</param>
    /// <param name="status">Of the answer, 400…499.</param>
    /// <param name="code">Header <c>X-Error-Code</c>.</param>
    /// <param name="message">Header <c>X-Error-Message</c>.</param>
    public static string Sentence(HubSettings settings, HubId id, string? path, int status, string? code, string? message)
    {
        var page = new Uri(settings.Endpoint, id.Path);
        return code switch
        {
            "GatedRepo" when settings.Token is null => $"{id.Repository} is gated: accept its terms at {page} and set HF_TOKEN to a token of the account that did.",
            "GatedRepo" => $"{id.Repository} is gated, and the account of {settings.TokenPlace} has not accepted its terms, or its token may not read gated repositories: accept them at {page}, or use another token.",
            "DisabledRepo" => $"{id.Repository} was disabled by the Hub, see {page}; use another repository.",
            "RevisionNotFound" => $"{id.Repository} has no revision '{id.Revision}': give a branch, a tag or a commit that {page} shows, or leave it out.",
            "EntryNotFound" when path is not null => $"{path} of {id} is listed and not there ({status}); run the same command again, or name a commit after an @.",
            // An unknown token is refused before the repository is looked at.
            not "RepoNotFound" when status == 401 && settings.Token is not null =>
                $"The token of {settings.TokenPlace} is not valid, or was revoked: make a new one at {new Uri(settings.Endpoint, "settings/tokens")}, or take it away where a repository is public.",
            not "RepoNotFound" when status == 403 => $"{settings.Endpoint} does not let {(settings.Token is null ? "anybody without a token" : $"the token of {settings.TokenPlace}")} read {id.Repository} (403{Quoted(message)}): set HF_TOKEN to one that may.",
            _ when id.IsDataset && (code == "RepoNotFound" || status is 401 or 404) =>
                $"{settings.Endpoint} has no dataset '{id.Repository}', or shows it only to some: check the name, or set HF_TOKEN to a token that may read it.",
            _ when code == "RepoNotFound" || status is 401 or 404 =>
                $"There is no folder '{id.Repository}' here, and {settings.Endpoint} has no model repository of that name, or shows it only to some: check the name, or set HF_TOKEN to a token that may read it.",
            _ => $"{settings.Endpoint} refused {path ?? "the list of files"} of {id} with {status}{Quoted(message)}; look at {page}.",
        };
    }

    /// <summary>Why something is not taken.</summary>
    /// <param name="settings">Which Hub, and whose token.</param>
    /// <param name="id">Where it was to go.</param>
    /// <param name="what">The file, or what else was to be made.</param>
    /// <param name="status">Of the answer, 400 or more.</param>
    /// <param name="code">Header <c>X-Error-Code</c>.</param>
    /// <param name="message">What the server said.</param>
    public static string OfWrite(HubSettings settings, HubId id, string what, int status, string? code, string? message) => status switch
    {
        _ when status == 404 || code == "RepoNotFound" =>
            $"{settings.Endpoint} has no dataset '{id}' that {what} could be written to ({status}{Quoted(message)}): check the name, and that the token of {settings.TokenPlace} may write there.",
        401 => $"The token of {settings.TokenPlace} is not valid, or was revoked: make a new one that may write at {new Uri(settings.Endpoint, "settings/tokens")}.",
        403 => $"{settings.Endpoint} does not let the token of {settings.TokenPlace} write {what} of {id.Repository} (403{Quoted(message)}): set HF_TOKEN to one that may write there.",
        413 or 507 => $"{settings.Endpoint} has no room for {what} of {id.Repository} ({status}{Quoted(message)}): make room there, or raise the quota, and run the same command again.",
        _ => $"{settings.Endpoint} refused {what} of {id} with {status}{Quoted(message)}; look at {new Uri(settings.Endpoint, id.Path)}.",
    };

    private static string Quoted(string? message) =>
        string.IsNullOrWhiteSpace(message) ? "" : $": {(message.Length > MostQuoted ? message[..MostQuoted] + "…" : message).TrimEnd('.')}";
}
