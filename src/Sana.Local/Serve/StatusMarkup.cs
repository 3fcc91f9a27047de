using System.Globalization;
using Sana.Curation.Report;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

namespace Sana.Local.Serve;

/// <summary>From what is to be shown to markup.</summary>
internal static class StatusMarkup
{
    public static Html Page(StatusView view, string nonce) => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <noscript><meta http-equiv="refresh" content="10"></noscript>
        <link rel="icon" href="data:,">
        <title>{Title(view)}</title>
        <style nonce="{nonce}">{new Html(StatusStyle.Css)}</style>
        </head>
        <body>
        <main>
        {Head(view)}
        {Tiles(view)}
        {(view.Mismatch is null ? Html.Empty : Html.Of($"""<section><p class="bad">{view.Mismatch}</p></section>"""))}
        {Runs(view)}
        {Gallery(view)}
        <div class="pair">{Failures(view)}{Schedules(view)}</div>
        <footer><span>{view.Place}</span><nav><a href="/openapi/v1.json">OpenAPI</a><a href="/metrics">Metrics</a><a href="/readyz">Readiness</a></nav><time>{view.Now:yyyy-MM-dd HH:mm:ss} UTC</time></footer>
        </main>
        <script nonce="{nonce}">{new Html(StatusStyle.Script)}</script>
        </body>
        </html>
        """);

    private static string Title(StatusView view) => view.Queue.Waiting + view.Queue.Held is > 0 and var open ? $"({open}) Sana" : "Sana";

    private static Html Head(StatusView view) => Html.Of($"""
        <header>
        <h1><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/><path d="M8 21c4-10 6 3 9-4s4-6 7-3"/></svg>Sana</h1>
        <p>{view.Model ?? "no model yet"} <span class="dim">on {view.Device}</span></p>
        {Pill(view.Worker?.ToString().ToLowerInvariant() ?? "no worker here", Tone(view.Worker))}
        </header>
        """);

    private static Html Tiles(StatusView view)
    {
        var last = view.PerMinute.Sum();
        return Html.Of($"""
            <section class="tiles" aria-label="Now">
            <article><h2>Queue</h2><strong>{view.Queue.Waiting:N0}</strong><small>{(view.IsQueueReachable ? $"waiting of at most {view.MaxQueued.ToString("N0", CultureInfo.InvariantCulture)}" : "not reachable")}</small><meter min="0" max="{view.MaxQueued}" value="{Math.Min(view.Queue.Waiting, view.MaxQueued)}"></meter></article>
            <article><h2>Rendering</h2>{Rendering(view)}</article>
            <article class="wide"><h2>Throughput</h2><strong>{view.PerMinute[^2]:N0}<em>/min</em></strong><small>{last:N0} images in {RecentWork.Minutes} minutes</small>{Bars(view.PerMinute)}</article>
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
        var bars = minutes.Select((images, i) => Html.Of($"""<rect x="{i * 8}" y="{40 - (images * 40.0 / most):0.##}" width="6" height="{Math.Max(images > 0 ? 1 : 0.5, images * 40.0 / most):0.##}" rx="1"><title>{images} images, {minutes.Count - 1 - i} minutes ago</title></rect>"""));
        return Html.Of($"""<svg class="bars" viewBox="0 0 {minutes.Count * 8} 41" preserveAspectRatio="none" role="img" aria-label="Images per minute">{Html.Join(bars)}</svg>""");
    }

    private static Html Runs(StatusView view) => view.Runs.Count == 0
        ? Html.Of($"""<section><h2>Runs</h2><p class="empty">Nothing has run yet. <code>POST /v1/images/generations</code> makes the first image.</p></section>""")
        : Html.Of($"""
            <section><h2>Runs</h2>
            <div class="scroll"><table><thead><tr><th>Run</th><th>Status</th><th>Progress</th><th class="num">Good</th><th class="num">Failed</th><th class="num">Left out</th><th class="num">Time</th><th class="num">Started</th></tr></thead>
            <tbody>{Html.Join(view.Runs.Select(run => Row(run, view)))}</tbody></table></div></section>
            """);

    private static Html Row(WorkflowInstance run, StatusView view)
    {
        var now = view.Now;
        if (run.Workflow == RunJob.Workflow.Name)
            return JobRow(run, now);
        var shown = RunViews.Of(run, run.Id, "");
        if (shown.Progress is { } reported)
            shown = shown with { Progress = reported with { Done = Math.Clamp(view.Settled(reported.RunId), reported.Done, Math.Max(reported.Done, reported.Total)) } };
        var progress = shown.Progress is { Total: > 0 } at ? Html.Of($"""<progress max="{at.Total}" value="{at.Done}"></progress><small>{at.Done:N0} of {at.Total:N0} · {at.Stage}</small>""")
            : run.IsFinished ? Html.Of($"""<small>{run.Error ?? Reasons(shown.Reasons)}</small>{ReportLink(shown.Report)}""") : Html.Of($"<small>planning</small>");
        return Html.Of($"""
            <tr><td><code>{run.Id}</code></td><td>{Pill(shown.Status, Tone(shown.Status))}</td><td class="progress">{progress}</td>
            {Number(shown.Succeeded ?? (shown.Progress?.Done - shown.Progress?.Failed))}{Number(shown.Failed ?? shown.Progress?.Failed)}{Number(shown.Rejected)}{Times(run, now)}</tr>
            """);
    }

    private static Html ReportLink(string? report) => report is null ? Html.Empty : Html.Of($""" <a href="/v1/blobs/{report}">report</a>""");

    private static Html JobRow(WorkflowInstance job, DateTime now)
    {
        var ticket = WorkflowJson.Read<JobTicket>(job.Input);
        var status = JobsApi.StatusOf(job);
        return Html.Of($"""
            <tr><td><code>{job.Id}</code></td><td>{Pill(status, Tone(status))}</td><td class="progress"><small>{ticket.Images} {(ticket.Images == 1 ? "image" : "images")}</small></td>
            {Number(status == "succeeded" ? ticket.Images : null)}{Number(null)}{Number(null)}{Times(job, now)}</tr>
            """);
    }

    private static Html Times(WorkflowInstance run, DateTime now) => Html.Of(
        $"""<td class="num">{Span((run.IsFinished ? run.Updated : now) - run.Created)}</td><td class="num"><time>{run.Created:MM-dd HH:mm:ss}</time></td>""");

    private static Html Number(long? count) => Html.Of($"""<td class="num">{(count is { } number ? number.ToString("N0", CultureInfo.InvariantCulture) : "")}</td>""");

    private static Html Gallery(StatusView view) => view.Images.Count == 0
        ? Html.Empty
        : Html.Of($"""<section><h2>Newest images</h2><div class="gallery">{Html.Join(view.Images.Select(Figure))}</div></section>""");

    private static Html Figure(RecentImage image) => Html.Of(
        $"""<a href="/v1/blobs/{image.Blob}"><figure><img src="/v1/blobs/{image.Blob}" width="{image.Width}" height="{image.Height}" alt="" loading="lazy"><figcaption><span>{Short(image.Prompt)}</span><small>{image.Width}×{image.Height} · seed {image.Seed}</small></figcaption></figure></a>""");

    private static Html Failures(StatusView view)
    {
        var reasons = view.Runs.Where(run => run.Status == WorkflowStatus.Completed && run.Workflow != RunJob.Workflow.Name)
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

    private static Html Pill(string text, string tone) => Html.Of($"""<span class="pill {tone}">{text}</span>""");

    private static string Tone(WorkerState? worker) => worker switch
    {
        WorkerState.Warm => "good",
        WorkerState.Broken => "bad",
        WorkerState.Loading or WorkerState.Ready or WorkerState.Draining => "busy",
        _ => "",
    };

    private static string Tone(string status) => status switch
    {
        "succeeded" => "good",
        "failed" => "bad",
        "processing" or "starting" => "busy",
        _ => "",
    };

    private static string Reasons(IReadOnlyDictionary<string, long>? reasons) =>
        reasons is null ? "" : string.Join(", ", reasons.Select(reason => string.Create(CultureInfo.InvariantCulture, $"{reason.Key} {reason.Value}")));

    private static string Span(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time:m\\:ss} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm} h"),
    };

    private static string Short(string text) => text.Length <= 140 ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[138]) ? 138 : 139), "…");
}
