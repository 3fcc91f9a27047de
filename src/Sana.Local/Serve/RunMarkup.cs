using System.Globalization;
using Sana.Curation.Report;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Local.Serve;

/// <summary>From a run to the markup of its page. The form of the page at <c>/</c> shows a job by the same part, <c>result</c>.</summary>
internal static class RunMarkup
{
    // Rows of a prompt file that were never tried: the same row is left out again, whatever is retried.
    private static readonly string[] LeftOut =
        [RejectReason.BadRow, RejectReason.BadEncoding, RejectReason.WrongType, RejectReason.BadPrompt, RejectReason.DuplicateId, RejectReason.BadRequest];

    public static Html Page(RunPageView view, PageFrame frame) => PageMarkup.Page(frame, $"{PageMarkup.Short(view.Title ?? view.Run.Id, 60)} · Sana", Html.Of($"""
        {Head(frame)}
        {Result(view, frame)}
        {Failures(view)}
        {Gallery(view, frame)}
        {Footer(view, frame)}
        """), StatusScript.Live);

    public static Html Missing(string id, PageFrame frame) => PageMarkup.Page(frame, "No such run · Sana", Html.Of($"""
        {Head(frame)}
        <section><h2>No such run</h2><p class="empty">There is no run <code>{PageMarkup.Short(id)}</code>. Those that ended long ago are forgotten; their images are not.</p></section>
        """), StatusScript.Live);

    private static Html Head(PageFrame frame) => Html.Of($"""<header>{PageMarkup.Logo(frame)}<p><a href="{frame.Root}/">All runs</a></p></header>""");

    private static Html Result(RunPageView view, PageFrame frame) => Html.Of($"""
        <section id="result" class="run" data-live data-ended="{(view.Run.IsFinished ? "1" : "")}">
        <div class="what"><h1>{view.Title ?? view.Run.Id}</h1>
        <p class="facts">{PageMarkup.State(view.Status, view.Succeeded, view.Failed)} <span>{view.Kind} <a href="{PageMarkup.Run(frame, view.Run.Id)}"><code>{view.Run.Id}</code></a></span>{Html.Join(Facts(view).Select(fact => Html.Of($"<span>{fact}</span>")))}</p></div>
        <div class="acts">{Actions(view)}</div>
        {Stand(view)}
        {(view.Error is { Length: > 0 } error ? Html.Of($"""<p class="error">{error}</p>""") : Html.Empty)}
        {(view.Kind == "job" ? Html.Of($"""<div class="gallery big">{Html.Join(view.Images.Select(image => Figure(image, frame, isAlone: true)))}</div>""") : Html.Empty)}
        </section>
        """);

    private static IEnumerable<string> Facts(RunPageView view)
    {
        foreach (var setting in view.Settings)
            yield return PageMarkup.Short(setting, 200);
        if (view.Succeeded is { } good)
            yield return $"{PageMarkup.Count(good)} good";
        if (view.Failed is > 0 and var failed)
            yield return $"{PageMarkup.Count(failed)} failed";
        if (view.Rejected is > 0 and var rejected)
            yield return $"{PageMarkup.Count(rejected)} left out";
        yield return string.Create(CultureInfo.InvariantCulture, $"{view.Run.Created:yyyy-MM-dd HH:mm:ss} UTC");
        yield return PageMarkup.Span((view.Run.IsFinished ? view.Run.Updated : view.Now) - view.Run.Created);
    }

    private static Html Stand(RunPageView view)
    {
        if (view.Step is { Steps: > 0 } step)
            return Html.Of($"""<p class="stand"><progress max="{step.Steps}" value="{step.Step}" aria-label="Rendering"></progress><small>{step.Stage} {step.Step} of {step.Steps}</small></p>""");
        if (view.Progress is { Total: > 0 } at)
            return Html.Of($"""<p class="stand"><progress max="{at.Total}" value="{at.Done}" aria-label="Progress"></progress><small>{at.Done:N0} of {at.Total:N0} · {at.Stage}</small></p>""");
        return view.Run.IsFinished ? Html.Empty : Html.Of($"""<p class="stand"><small>{Waits(view)}</small></p>""");
    }

    private static string Waits(RunPageView view) => view switch
    {
        { Status: JobStatus.Suspended } => "Held until it is resumed.",
        { Step: not null } => "Begins.",
        { Kind: "job", Waiting: > 1 and var waiting } => $"Waits; {PageMarkup.Count(waiting)} jobs are in the queue.",
        { Kind: "job" } => "Waits for the worker.",
        _ => "The plan is being made.",
    };

    private static Html Actions(RunPageView view)
    {
        var (status, isRun) = (view.Run.Status, view.Kind != "job");
        var resume = status == WorkflowStatus.Suspended || (isRun && status is WorkflowStatus.Failed or WorkflowStatus.Canceled);
        return Html.Join(
        [
            status == WorkflowStatus.Running ? Button("suspend", "Suspend", "POST", $"{view.Api}/suspend", "Suspended: nothing new begins.") : Html.Empty,
            resume ? Button("resume", "Resume", "POST", $"{view.Api}/resume", "It goes on.") : Html.Empty,
            view.Run.IsFinished ? Html.Empty : Button("cancel", "Cancel", "DELETE", view.Api, "Canceled.", ask: isRun ? "Cancel this run? What it made stays." : null),
        ]);
    }

    private static Html Button(string id, string text, string method, string path, string done, string? ask = null) => Html.Of(
        $"""<button type="button" id="{id}" data-method="{method}" data-path="{path}" data-done="{done}" data-ask="{ask}">{text}</button>""");

    private static Html Failures(RunPageView view)
    {
        if (view.Reasons.Count == 0)
            return Html.Of($"""<section id="failures" hidden data-live></section>""");
        var reasons = view.Reasons.OrderByDescending(reason => reason.Value).ThenBy(reason => reason.Key, StringComparer.Ordinal).ToList();
        var rows = reasons.Select(reason => Html.Of(
            $"""<tr><td><code>{reason.Key}</code></td><td class="progress"><meter min="0" max="{reasons[0].Value}" value="{reason.Value}"></meter></td><td class="num">{reason.Value:N0}</td><td class="num">{Again(view, reason.Key)}</td></tr>"""));
        string[] curable = [.. reasons.Select(reason => reason.Key).Where(IsCurable)];
        var all = curable.Length > 1 && view.Run.IsFinished ? Button("retry-all", "Retry all", "POST", Retry(view, curable), "Tried again.") : Html.Empty;
        return Html.Of($"""<section id="failures" data-live><h2>Failures by reason</h2><table class="reasons"><tbody>{Html.Join(rows)}</tbody></table><div class="acts">{all}</div></section>""");
    }

    private static Html Again(RunPageView view, string reason) => !IsCurable(reason) ? Html.Of($"<small>left out; mend the row</small>")
        : view.Run.IsFinished ? Button($"retry-{reason}", "Retry", "POST", Retry(view, reason), "Tried again.")
        : Html.Empty;

    private static bool IsCurable(string reason) => !LeftOut.Contains(reason);

    private static string Retry(RunPageView view, params string[] reasons) => $"{view.Api}/retry?reason={Uri.EscapeDataString(string.Join(',', reasons))}";

    private static Html Gallery(RunPageView view, PageFrame frame)
    {
        if (view.Pages is not { } pages)
            return Html.Of($"""<section id="images" hidden data-live></section>""");
        var path = PageMarkup.Run(frame, view.Run.Id);
        var first = pages.From + 1;
        var part = pages.Chunks > 1 ? $" · part {pages.Chunk + 1} of {pages.Chunks}" : "";
        return Html.Of($"""
            <section id="images" data-live><h2>Images {first:N0}–{pages.From + view.Images.Count:N0} of {pages.InChunk:N0}{part}</h2>
            <div class="gallery">{Html.Join(view.Images.Select(image => Figure(image, frame, isAlone: false)))}</div>
            <nav class="pages">{(pages.HasPrevious ? Html.Of($"""<a id="previous" rel="prev" href="{path}{pages.Previous}">Previous</a>""") : Html.Empty)}{(pages.HasNext ? Html.Of($"""<a id="next" rel="next" href="{path}{pages.Next}">Next</a>""") : Html.Empty)}</nav>
            </section>
            """);
    }

    private static Html Figure(RunImage image, PageFrame frame, bool isAlone)
    {
        var (width, height) = (image.Width > 0 ? image.Width : 1, image.Height > 0 ? image.Height : 1);
        var name = PageMarkup.Short(image.Prompt);
        var caption = Html.Of($"""<figcaption>{(isAlone ? Html.Empty : Html.Of($"<span>{name}</span>"))}<small>{Seed(image)}</small></figcaption>""");
        if (image.Blob is { } blob)
            return Html.Of($"""<a href="{PageMarkup.Blob(frame, blob)}"><figure><img src="{PageMarkup.Blob(frame, blob)}" width="{width}" height="{height}" alt="{name}" loading="lazy">{caption}</figure></a>""");
        // A drawing of the right shape keeps the place: what comes later moves nothing.
        return Html.Of($"""
            <figure><svg class="blank {(image.Reason is null ? "" : "bad")}" viewBox="0 0 {width} {height}" role="img" aria-label="{(image.Reason is null ? "not made yet" : "failed")}"></svg><figcaption>{(isAlone ? Html.Empty : Html.Of($"<span>{name}</span>"))}{(image.Reason is null ? Html.Of($"<small>{Seed(image)}</small>") : Html.Of($"""<span class="why" title="{image.Message}"><code>{image.Reason}</code> {image.Message}</span>"""))}</figcaption></figure>
            """);
    }

    private static string Seed(RunImage image) => image.Seed is { } seed ? string.Create(CultureInfo.InvariantCulture, $"seed {seed}") : "";

    private static Html Footer(RunPageView view, PageFrame frame) => Html.Of($"""
        <footer id="links" data-live><nav><a href="{frame.Root}{view.Api}">As JSON</a>{Link(view.Manifest, "Manifest", frame)}{Link(view.Report, "Report", frame)}{(view is { Kind: "batch", Run.Status: WorkflowStatus.Completed } ? Html.Of($"""<a href="{frame.Root}{view.Api}/report">What failed, as JSON</a>""") : Html.Empty)}{PageMarkup.SignOut(frame)}</nav><time>{view.Now:yyyy-MM-dd HH:mm:ss} UTC</time></footer>
        """);

    private static Html Link(string? blob, string text, PageFrame frame) => blob is null ? Html.Empty : Html.Of($"""<a href="{PageMarkup.Blob(frame, blob)}">{text}</a>""");
}
