using System.Security.Cryptography;
using System.Text;

namespace Sana.Curation.Report;

/// <summary>
/// The page from top to bottom. It stands alone: nothing is fetched, nothing but its own style and script is allowed, and without the script all of it can be
/// read.
/// </summary>
internal sealed class ReportPage(ReportView view, Func<IndexRow, CancellationToken, Task<byte[]?>> openImage, PageWriter page)
{
    private static readonly string _policy =
        $"default-src 'none'; img-src data:; style-src '{Hash(ReportStyle.Css)}'; script-src '{Hash(ReportStyle.Script)}'; base-uri 'none'; form-action 'none'";

    public async Task Write(CancellationToken cancellationToken)
    {
        var pictures = new Pictures(view.Options, openImage);
        await page.Write(Head(), cancellationToken);
        await page.Write(RunSection.Draw(view), cancellationToken);
        await page.Write(CaptionerSection.Draw(view), cancellationToken);
        await new JudgeSection(view, pictures, page).Write(cancellationToken);
        await page.Write(CostSection.Draw(view), cancellationToken);
        await new GallerySection(view, pictures, page).Write(cancellationToken);
        await new RemovedSection(view, pictures, page).Write(cancellationToken);
        await page.Write(Html.Of($"""
            <footer><span>{view.Run.Dataset} {view.Run.Version}</span><span>{view.Run.ToolVersion}</span></footer>
            </main>
            <script>{new Html(ReportStyle.Script)}</script>
            </body>
            </html>

            """), cancellationToken);
    }

    private Html Head() => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="{_policy}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <link rel="icon" href="data:,">
        <title>{view.Run.Dataset} {view.Run.Version} · curation report</title>
        <style>{new Html(ReportStyle.Css)}</style>
        </head>
        <body>
        <main>
        <header>
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/><path d="M8 21c4-10 6 3 9-4s4-6 7-3"/></svg>
        <div><h1><bdi>{view.Run.Dataset}</bdi> <span class="version">{view.Run.Version}</span></h1><p>Curation report</p></div>
        <nav><a href="#run">Run</a><a href="#captioners">Captioners</a>{(view.Judges.Count == 0 ? Html.Empty : Html.Of($"""<a href="#judges">Judges</a>"""))}<a href="#cost">Cost</a><a href="#images">Images</a><a href="#left-out">Left out</a></nav>
        </header>

        """);

    private static string Hash(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

/// <summary>Writes markup and knows how much room is left.</summary>
internal sealed class PageWriter(Stream page, long limit)
{
    /// <summary>Kept for what comes after everything that may be left out.</summary>
    private const long Closing = 16_000;

    private long _written;

    /// <summary>Bytes that may still be written.</summary>
    public long Left => limit - Closing - _written;

    public async Task Write(Html markup, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(markup.Text);
        _written += bytes.Length;
        await page.WriteAsync(bytes, cancellationToken);
    }
}
