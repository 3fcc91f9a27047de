using System.Globalization;
using Sana.Curation.Report;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;
using Sana.Storage;

namespace Sana.Local.Serve;

/// <summary>From what is to be shown to the markup of the page at <c>/</c>.</summary>
internal static class StatusMarkup
{
    public static Html Page(StatusView view, PageFrame frame) => PageMarkup.Page(frame, Title(view), Html.Of($"""
        {Head(view, frame)}
        {ComposeMarkup.Form(view.Defaults)}
        {Tiles(view)}
        {(view.Mismatch is null ? Html.Empty : Html.Of($"""<section><p class="bad">{view.Mismatch}</p></section>"""))}
        {Runs(view, frame)}
        {Gallery(view, frame)}
        <div class="pair" id="pair" data-live>{Failures(view)}{Schedules(view)}</div>
        {ComposeMarkup.Clients(view.Model, frame)}
        <footer><span>{view.Place}</span><nav><a href="{frame.Root}/openapi/v1.json">OpenAPI</a><a href="{frame.Root}/metrics">Metrics</a><a href="{frame.Root}/readyz">Readiness</a>{PageMarkup.SignOut(frame)}</nav><time id="now" data-live>{view.Now:yyyy-MM-dd HH:mm:ss} UTC</time></footer>
        """), StatusScript.Live + StatusScript.Compose);

    private static string Title(StatusView view) => view.Queue.Waiting + view.Queue.Held is > 0 and var open ? $"({open}) Sana" : "Sana";

    private static Html Head(StatusView view, PageFrame frame) => Html.Of($"""
        <header>
        <h1>{PageMarkup.Logo(frame)}</h1>
        <p id="model" data-live>{view.Model ?? "no model yet"} <span class="dim">on {view.Device}</span></p>
        <span id="worker" data-live>{PageMarkup.Pill(view.Worker?.ToString().ToLowerInvariant() ?? "no worker here", Tone(view.Worker))}</span>
        </header>
        """);

    private static Html Tiles(StatusView view)
    {
        var last = view.PerMinute.Sum();
        return Html.Of($"""
            <section class="tiles" id="tiles" aria-label="Now" data-live>
            <article><h2>Queue</h2><strong>{view.Queue.Waiting:N0}</strong><small>{(view.IsQueueReachable ? $"waiting of at most {PageMarkup.Count(view.MaxQueued)}" : "not reachable")}</small><meter min="0" max="{view.MaxQueued}" value="{Math.Min(view.Queue.Waiting, view.MaxQueued)}"></meter></article>
            <article><h2>Rendering</h2>{Rendering(view)}</article>
            <article class="wide"><h2>Throughput</h2><strong>{view.PerMinute[^2]:N0}<em>/min</em></strong><small>{PageMarkup.Images(last)} in {RecentWork.Minutes} minutes</small>{Bars(view.PerMinute)}</article>
            <article><h2>Dead letters</h2><strong class="{(view.Queue.Dead > 0 ? "bad" : "")}">{view.Queue.Dead:N0}</strong><small>{(view.Queue.Dead > 0 ? "given up: see sana queue" : "nothing given up")}</small></article>
            </section>
            """);
    }

    private static Html Rendering(StatusView view) => view.Current is not { } at
        ? Html.Of($"<strong>0</strong><small>nothing at work</small>")
        : at.Steps == 0 ? Html.Of($"<strong>1</strong><small>begins</small>")
        : Html.Of($"""<strong>{at.Step}<em>/{at.Steps}</em></strong><small>{at.Stage}</small><progress max="{at.Steps}" value="{at.Step}"></progress>""");

    private static Html Bars(IReadOnlyList<int> minutes)
    {
        var most = Math.Max(1, minutes.Max());
        var bars = minutes.Select((images, i) => Html.Of($"""<rect x="{i * 8}" y="{40 - (images * 40.0 / most):0.##}" width="6" height="{Math.Max(images > 0 ? 1 : 0.5, images * 40.0 / most):0.##}" rx="1"><title>{Counted.Of(images, "image")}, {Counted.Of(minutes.Count - 1 - i, "minute")} ago</title></rect>"""));
        return Html.Of($"""<svg class="bars" viewBox="0 0 {minutes.Count * 8} 41" preserveAspectRatio="none" role="img" aria-label="Images per minute">{Html.Join(bars)}</svg>""");
    }

    private static Html Runs(StatusView view, PageFrame frame) => view.Runs.Count == 0
        ? Html.Of($"""<section id="runs" data-live><h2>Runs</h2><p class="empty">Nothing has run yet. Say above what to draw.</p></section>""")
        : Html.Of($"""
            <section id="runs" data-live><h2>Runs</h2>
            <table class="runs"><thead><tr><th>Run</th><th>Status</th><th>Progress</th><th class="num">Good</th><th class="num">Failed</th><th class="num">Left out</th><th class="num">Time</th><th class="num">Started</th></tr></thead>
            <tbody>{Html.Join(view.Runs.Select(run => run.Run.Workflow == RunJob.Workflow.Name ? JobRow(run, view, frame) : Row(run, view, frame)))}</tbody></table></section>
            """);

    private static Html Row(TitledRun titled, StatusView view, PageFrame frame)
    {
        var run = titled.Run;
        var shown = RunViews.Of(run, run.Id, "");
        if (shown.Progress is { } reported)
            shown = shown with { Progress = reported with { Done = Math.Clamp(view.Settled(reported.RunId), reported.Done, Math.Max(reported.Done, reported.Total)) } };
        var progress = shown.Progress is { Total: > 0 } at ? Html.Of($"""<progress max="{at.Total}" value="{at.Done}"></progress><small>{at.Done:N0} of {at.Total:N0} · {at.Stage}</small>""")
            : run.IsFinished ? Html.Of($"""<small>{PageMarkup.Short(run.Error ?? Reasons(shown.Reasons))}</small>{Report(shown.Report, frame)}""") : Html.Of($"<small>planning</small>");
        return Html.Of($"""
            <tr>{Name(titled, frame)}<td class="state">{PageMarkup.State(shown.Status, shown.Succeeded, shown.Failed)}</td><td class="progress">{progress}</td>
            {Number("good", shown.Succeeded ?? (shown.Progress?.Done - shown.Progress?.Failed))}{Number("failed", shown.Failed ?? shown.Progress?.Failed)}{Number("left out", shown.Rejected)}{Times(run, view.Now)}</tr>
            """);
    }

    private static Html Report(string? report, PageFrame frame) => report is null ? Html.Empty : Html.Of($""" <a href="{PageMarkup.Blob(frame, report)}">report</a>""");

    private static Html JobRow(TitledRun titled, StatusView view, PageFrame frame)
    {
        var job = titled.Run;
        var ticket = WorkflowJson.Read<JobTicket>(job.Input);
        var status = !job.IsFinished && ticket.JobId == view.Rendering ? JobStatus.Processing : JobsApi.StatusOf(job);
        return Html.Of($"""
            <tr>{Name(titled, frame)}<td class="state">{PageMarkup.State(status, null, null)}</td><td class="progress"><small>{PageMarkup.Images(ticket.Images)}</small></td>
            {Number("good", status == JobStatus.Succeeded ? ticket.Images : null)}{Number("failed", null)}{Number("left out", null)}{Times(job, view.Now)}</tr>
            """);
    }

    /// <summary>A run is called by its first prompt; its id stands below, for those who look for it.</summary>
    private static Html Name(TitledRun run, PageFrame frame) => run.Title is null
        ? Html.Of($"""<td class="name"><a id="of-{run.Run.Id}" href="{PageMarkup.Run(frame, run.Run.Id)}"><code>{run.Run.Id}</code></a></td>""")
        : Html.Of($"""<td class="name"><a id="of-{run.Run.Id}" href="{PageMarkup.Run(frame, run.Run.Id)}">{PageMarkup.Short(run.Title)}</a><code>{run.Run.Id}</code></td>""");

    private static Html Times(WorkflowInstance run, DateTime now) => Html.Of(
        $"""<td class="num time">{PageMarkup.Span((run.IsFinished ? run.Updated : now) - run.Created)}</td><td class="num started"><time>{run.Created:MM-dd HH:mm:ss}</time></td>""");

    private static Html Number(string of, long? count) => count is { } number
        ? Html.Of($"""<td class="num {(number == 0 ? "none" : "")}" data-of="{of}">{number:N0}</td>""")
        : Html.Of($"""<td class="num none"></td>""");

    private static Html Gallery(StatusView view, PageFrame frame) => view.Images.Count == 0
        ? Html.Of($"""<section id="newest" hidden data-live></section>""")
        : Html.Of($"""<section id="newest" data-live><h2>Newest images</h2><div class="gallery">{Html.Join(view.Images.Select(image => Figure(image, frame)))}</div></section>""");

    private static Html Figure(RecentImage image, PageFrame frame) => Html.Of(
        $"""<a href="{PageMarkup.Blob(frame, image.Blob)}"><figure><img src="{PageMarkup.Blob(frame, image.Blob)}" width="{image.Width}" height="{image.Height}" alt="{PageMarkup.Short(image.Prompt)}" loading="lazy"><figcaption><span>{PageMarkup.Short(image.Prompt)}</span><small>{image.Width}×{image.Height} · seed {image.Seed}</small></figcaption></figure></a>""");

    private static Html Failures(StatusView view)
    {
        var reasons = view.Runs.Select(run => run.Run).Where(run => run.Status == WorkflowStatus.Completed && run.Workflow != RunJob.Workflow.Name)
            .SelectMany(run => RunViews.Of(run, "", "").Reasons ?? new Dictionary<string, long>())
            .Concat(view.Failures).GroupBy(reason => reason.Key, reason => reason.Value).Select(group => (Code: group.Key, Count: group.Sum()))
            .OrderByDescending(reason => reason.Count).Take(10).ToList();
        if (reasons.Count == 0)
            return Html.Of($"""<section><h2>Failures by reason</h2><p class="empty">None.</p></section>""");
        var rows = reasons.Select(reason => Html.Of($"""<tr><td><code>{reason.Code}</code></td><td class="progress"><meter min="0" max="{reasons[0].Count}" value="{reason.Count}"></meter></td><td class="num">{reason.Count:N0}</td></tr>"""));
        return Html.Of($"""<section><h2>Failures by reason</h2><table><tbody>{Html.Join(rows)}</tbody></table></section>""");
    }

    private static Html Schedules(StatusView view)
    {
        if (view.Schedules.Count == 0)
            return Html.Of($"""<section><h2>Schedules</h2><p class="empty">None in sana.json.</p></section>""");
        var rows = view.Schedules.Select(kept =>
        {
            var schedule = WorkflowJson.Read<ScheduleState>(kept.Input).Run.Schedule;
            var next = kept.CustomStatus is { } due ? WorkflowJson.Read<DateTime>(due).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) : "";
            return Html.Of($"""<tr><td><code>{schedule.Name}</code></td><td><code>{schedule.Cron}</code> <small>{schedule.Zone}</small></td><td class="num"><time>{next}</time></td></tr>""");
        });
        return Html.Of($"""<section><h2>Schedules</h2><table><tbody>{Html.Join(rows)}</tbody></table></section>""");
    }

    private static string Tone(WorkerState? worker) => worker switch
    {
        WorkerState.Warm => "good",
        WorkerState.Broken => "bad",
        WorkerState.Loading or WorkerState.Ready or WorkerState.Draining => "busy",
        _ => "",
    };

    private static string Reasons(IReadOnlyDictionary<string, long>? reasons) =>
        reasons is null ? "" : string.Join(", ", reasons.Select(reason => string.Create(CultureInfo.InvariantCulture, $"{reason.Key} {reason.Value}")));
}
