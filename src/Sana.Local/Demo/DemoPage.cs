using Sana.Curation;
using Sana.Curation.Report;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;

namespace Sana.Local.Demo;

/// <summary>One page with both jobs, whole in one file. It quotes no clock, so the same demo makes the same page.</summary>
internal static class DemoPage
{
    /// <summary>Images that are shown with their captions.</summary>
    private const int ShownRows = 16;

    public static Html Write(IReadOnlyList<DemoImage> gallery, IReadOnlyList<DemoCaptions> captions, CurateSummary curated, GenerateSummary generated) => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <link rel="icon" href="data:,">
        <title>Sana demo</title>
        <style>{new Html(DemoStyle.Css)}</style>
        </head>
        <body>
        <main>
        <header>
        <h1>It sees and paints</h1>
        <p class="lead">Small networks, trained by this project on a world of still lifes, run through the same durable workflows, graphs and solver as the published ones: on this machine's processor, in one process.</p>
        </header>
        {Gallery(gallery, generated)}
        {Captions(captions, curated)}
        <footer>Everything is beside this page: <a href="blobs/{curated.Report}">report of the curation</a> · <a href="blobs/datasets/{curated.Dataset}/{curated.Version}/shards/">training shards</a> · <a href="blobs/{generated.Manifest}">manifest of the gallery</a> · <a href="still-lifes/">the sample dataset</a></footer>
        </main>
        </body>
        </html>

        """);

    private static Html Gallery(IReadOnlyList<DemoImage> gallery, GenerateSummary run)
    {
        var followed = gallery.Count(image => image.Check.Follows);
        return Html.Of($"""
            <section>
            <h2>Painted</h2>
            <p class="lead">{gallery.Count} prompts through queue and worker, one image each, not picked; an exact analyser reads what can be seen. {followed} show all that was asked for{(run.Failed > 0 ? $"; {run.Failed} failed" : "")}.</p>
            <div class="gallery">{Html.Join(gallery.Select(Painted))}</div>
            </section>
            """);
    }

    private static Html Painted(DemoImage image) => Html.Of($"""
        <figure><img src="{Data(image.Png)}" alt="{image.Prompt}"><figcaption><span>{image.Prompt}</span><span class="pill {(image.Check.Follows ? "good" : "bad")}">{(image.Check.Follows ? "as asked" : image.Check.Seen)}</span></figcaption></figure>

        """);

    private static Html Captions(IReadOnlyList<DemoCaptions> captions, CurateSummary run)
    {
        var removed = run.Statuses.Where(status => status.Key != RowStatus.Success && status.Value > 0).Select(status => $"{status.Value} {status.Key}");
        return Html.Of($"""
            <section>
            <h2>Captioned and chosen</h2>
            <p class="lead">{run.Succeeded} images with the careless captions that came with them; two captioners looked at each, CLIP scored every caption, the best was chosen ({string.Join(", ", removed)}). The generator knows the truth: so often is a caption there and wholly true.</p>
            <div class="truth">{Html.Join(CaptionTruth.Of(captions).Select(Share))}</div>
            <div class="rows">{Html.Join(captions.Take(ShownRows).Select(Row))}</div>
            </section>
            """);
    }

    private static Html Share(CaptionTruth truth) => Html.Of($"""
        <b>{truth.Title}</b><span class="track"><i class="{(truth.IsChosen ? "chosen" : "")}" style="width:{100 * truth.Share:0.#}%"></i></span><span>{100 * truth.Share:0} %</span>

        """);

    private static Html Row(DemoCaptions captions) => Html.Of($"""
        <div class="row"><img src="{Data(captions.Png)}" alt=""><ul>{Html.Join(captions.Row.Candidates.Where(one => one.Text is not null).Select(one => Caption(one, captions)))}</ul></div>

        """);

    private static Html Caption(Candidate one, DemoCaptions captions)
    {
        var (isChosen, isTrue) = (one.Label == captions.Row.CaptionLabel, captions.IsTrue(one.Text));
        return Html.Of($"""
            <li{(isChosen ? Html.Of($""" class="chosen" """) : Html.Empty)}><div><b>{CaptionTruth.TitleOf(one.Label)}</b><span class="pill {(isTrue ? "good" : "bad")}">{(isTrue ? "true" : "not true")}</span>{(isChosen ? Html.Of($"""<span class="pill accent">chosen</span>""") : Html.Empty)}<span class="score">CLIP {one.Score ?? 0:0.0}</span></div>{one.Text}</li>
            """);
    }

    private static string Data(byte[] png) => $"data:image/png;base64,{Convert.ToBase64String(png)}";
}
