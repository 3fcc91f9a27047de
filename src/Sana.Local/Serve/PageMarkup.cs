using System.Globalization;
using Sana.Curation.Report;

namespace Sana.Local.Serve;

/// <summary>What all pages are made with: the frame around them, and how a status, a number and a time look.</summary>
internal static class PageMarkup
{
    /// <summary>A whole page. What is marked <c>data-live</c> is put in place of its elder while somebody looks at it; the rest stays.</summary>
    public static Html Page(PageFrame frame, string title, Html content, string script) => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <noscript><meta http-equiv="refresh" content="10"></noscript>
        <link rel="icon" href="data:,">
        <title>{title}</title>
        <style nonce="{frame.Nonce}">{new Html(StatusStyle.Css)}</style>
        </head>
        <body data-root="{frame.Root}">
        <main data-title="{title}">
        {content}
        </main>
        <p id="note" role="status" aria-live="polite"></p>
        <script nonce="{frame.Nonce}">{new Html(script)}</script>
        </body>
        </html>
        """);

    public static Html Logo(PageFrame frame) => Html.Of($"""
        <a class="logo" href="{frame.Root}/"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/><path d="M8 21c4-10 6 3 9-4s4-6 7-3"/></svg>Sana</a>
        """);

    public static Html SignOut(PageFrame frame) => frame.IsKeyed ? Html.Of($"""<button type="button" class="link" data-method="DELETE" data-path="/session" data-reload>Sign out</button>""") : Html.Empty;

    /// <summary>Where a blob is.</summary>
    public static string Blob(PageFrame frame, string name) => $"{frame.Root}/v1/blobs/{string.Join('/', name.Split('/').Select(Uri.EscapeDataString))}";

    /// <summary>Where the page of a run is.</summary>
    public static string Run(PageFrame frame, string id) => $"{frame.Root}/runs/{Uri.EscapeDataString(id)}";

    public static Html Pill(string text, string tone) => Html.Of($"""<span class="pill {tone}">{text}</span>""");

    /// <summary>A run that came to its end is called succeeded, whatever became of its images: here it says so.</summary>
    public static Html State(string status, long? good, long? failed) => (status, good, failed) switch
    {
        ("succeeded", 0, > 0) => Pill("all failed", "bad"),
        ("succeeded", _, > 0) => Pill("some failed", "held"),
        _ => Pill(status, Tone(status)),
    };

    private static string Tone(string status) => status switch
    {
        "succeeded" => "good",
        "failed" => "bad",
        "processing" or "starting" => "busy",
        "suspended" => "held",
        _ => "",
    };

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Images(long count) => count == 1 ? "1 image" : $"{Count(count)} images";

    public static string Span(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, time.TotalSeconds):0.0} s"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time:m\\:ss} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm} h"),
    };

    public static string Short(string text, int most = 140) => text.Length <= most ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[most - 2]) ? most - 2 : most - 1), "…");
}
