using System.Globalization;

namespace Sana.Storage.Hub;

/// <summary>How the Hub is reached and where its files are kept: by the same variables as Hugging Face's own programs.</summary>
public sealed record HubSettings
{
    /// <value>Variable <c>HF_ENDPOINT</c>. Default <c>https://huggingface.co</c>.</value>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <value>Full path of the cache: <c>HF_HUB_CACHE</c>, else <c>hub</c> in <c>HF_HOME</c>. Default <c>~/.cache/huggingface/hub</c>.</value>
    public required string Cache { get; init; }

    /// <value>The token, from <c>HF_TOKEN</c> or the file that <c>HF_TOKEN_PATH</c> names. Default the file <c>token</c> in <c>HF_HOME</c>, else none.</value>
    public string? Token { get; init; }

    /// <value>Where the token stood, for messages: <c>HF_TOKEN</c> or the path of a file. Null without a token.</value>
    public string? TokenPlace { get; init; }

    /// <value>Whether nothing is asked of the network: <c>HF_HUB_OFFLINE</c>. Default false.</value>
    public bool IsOffline { get; init; }

    /// <value>Files that are downloaded or sent at once, 1…64. Default 8.</value>
    public int Parallel { get; init; } = 8;

    /// <value>For how long an answer or its next bytes are waited for, 1 second or more: <c>HF_HUB_DOWNLOAD_TIMEOUT</c>, in seconds. Default 60 seconds.</value>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <value>Requests that may fail one after the other for one file without a byte in between, 1 or more. Default 6.</value>
    public int MaxAttempts { get; init; } = 6;

    /// <value>The wait after the first of them; it doubles with each, up to a minute. <c>Retry-After</c> of the server is kept to, up to ten minutes. Default 1 second.</value>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads the environment.</summary>
    /// <param name="variable">Reads a variable. Default the process's.</param>
    /// <exception cref="SanaException">A variable has a value that cannot be used.</exception>
    public static HubSettings FromEnvironment(Func<string, string?>? variable = null)
    {
        string? Read(string name) => (variable ?? Environment.GetEnvironmentVariable)(name) is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;
        var caches = Read("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var home = Read("HF_HOME") ?? Path.Combine(caches, "huggingface");
        var (token, place) = TokenFrom(Read("HF_TOKEN"), Read("HF_TOKEN_PATH") ?? Path.Combine(home, "token"));
        return new HubSettings
        {
            Endpoint = EndpointFrom(Read("HF_ENDPOINT") ?? "https://huggingface.co"),
            Cache = Path.GetFullPath(Read("HF_HUB_CACHE") ?? Path.Combine(home, "hub")),
            Token = token,
            TokenPlace = place,
            IsOffline = Read("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
            Patience = Read("HF_HUB_DOWNLOAD_TIMEOUT") is { } seconds ? PatienceFrom(seconds) : TimeSpan.FromSeconds(60),
        };
    }

    /// <summary>Refuses what cannot be worked with.</summary>
    /// <exception cref="SanaException">A value is out of its range.</exception>
    public void Check()
    {
        if (Parallel is < 1 or > 64)
            throw new SanaException($"{Parallel} files at once are outside 1…64; use 8.");
        if (MaxAttempts < 1)
            throw new SanaException($"{MaxAttempts} attempts are none; use 6.");
        if (Patience < TimeSpan.FromSeconds(1) || FirstDelay < TimeSpan.Zero)
            throw new SanaException($"A patience of {Patience} or a delay of {FirstDelay} is too short; use a minute and a second.");
    }

    private static Uri EndpointFrom(string text) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var endpoint) && endpoint is { Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "" }
            ? endpoint
            : throw new SanaException($"HF_ENDPOINT is '{text}'; give an http or https address such as https://huggingface.co, or leave it out.");

    private static TimeSpan PatienceFrom(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new SanaException($"HF_HUB_DOWNLOAD_TIMEOUT is '{text}'; give seconds in 1…86400, or leave it out.");

    private static (string? Token, string? Place) TokenFrom(string? given, string file)
    {
        var place = "HF_TOKEN";
        if (given is null)
        {
            place = file;
            try
            {
                if (!File.Exists(file))
                    return (null, null);
                given = File.ReadAllText(file).Trim();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new SanaException($"The file of the token, {file}, cannot be read: {error.Message} Set HF_TOKEN, or name another file by HF_TOKEN_PATH.", error);
            }
        }

        if (given.Length == 0)
            return (null, null);
        return given.All(letter => letter is > ' ' and < '\x7f')
            ? (given, place)
            : throw new SanaException($"{place} holds something that is no token: it has blanks or other characters than ASCII's; copy the token again.");
    }
}
