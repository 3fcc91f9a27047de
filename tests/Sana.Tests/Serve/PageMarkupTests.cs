using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Telemetry;
using Sana.Local.Serve;
using Xunit;

namespace Sana.Tests.Serve;

/// <summary>Whatever comes from outside is text on the pages, wherever it stands.</summary>
public sealed class PageMarkupTests
{
    private const string Attack = """<script>alert(1)</script>" onerror="alert(2)' autofocus='""";

    private static readonly PageFrame Frame = new($"/{Attack}", $"http://{Attack}/v1", IsKeyed: true, "nonce");
    private static readonly DateTime Now = new(2026, 5, 6, 7, 8, 9, DateTimeKind.Utc);

    [Fact]
    public void The_status_page_shows_texts_and_obeys_none()
    {
        var view = new StatusView
        {
            Model = Attack,
            Defaults = new GenerateOptions { Width = 1024, Height = 768, Steps = 20 },
            Device = Attack,
            Place = Attack,
            Now = Now,
            Worker = null,
            Current = new GenerateProgress(Attack, 1, 2),
            Queue = new QueueCounts(1, 2, 3),
            IsQueueReachable = true,
            MaxQueued = 1000,
            PerMinute = [.. Enumerable.Range(0, RecentWork.Minutes)],
            Images = [new RecentImage($"jobs/{Attack}.png", Attack, 7, 64, 64, Now)],
            Runs = [new TitledRun(Job(), Attack), new TitledRun(Job(), null), new TitledRun(Run(), Attack)],
            Rendering = null,
            Settled = _ => 5,
            Schedules = [],
            Failures = new Dictionary<string, long> { [Attack] = 3 },
        };

        var page = StatusMarkup.Page(view, Frame).Text;

        IsHarmless(page);
        Assert.Contains("placeholder=\"768\"", page, StringComparison.Ordinal);
        // What stands in a program that people copy is plain, whatever the model's folder is called.
        Assert.Contains("model=&quot;sana&quot;", page, StringComparison.Ordinal);
        Assert.Contains("5 of 9", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_of_a_run_shows_texts_and_obeys_none()
    {
        var view = new RunPageView
        {
            Run = Run(),
            Now = Now,
            Title = Attack,
            Kind = "batch",
            Status = Attack,
            Api = $"/v1/batches/{Uri.EscapeDataString(Attack)}",
            Progress = new RunStatus(Attack, Attack, 5, 9, 1, Now),
            Failed = 1,
            Reasons = new Dictionary<string, long> { [Attack] = 3, ["oom"] = 2 },
            Settings = [Attack],
            Error = Attack,
            Manifest = $"runs/{Attack}/manifest.json",
            Report = $"datasets/{Attack}/report.html",
            Images = [new RunImage(Attack, 1, $"runs/{Attack}.png", 64, 64, null, null), new RunImage(Attack, 2, null, 64, 64, Attack, Attack), new RunImage("", null, null, 0, 0, Attack, Attack)],
            Pages = new RunPages(1, 48, 200, 3),
        };

        IsHarmless(RunMarkup.Page(view, Frame).Text);
        IsHarmless(RunMarkup.Page(view with { Kind = "job", Run = Job() }, Frame).Text);
        IsHarmless(RunMarkup.Missing(Attack, Frame).Text);
    }

    [Fact]
    public void What_can_be_done_follows_the_state()
    {
        Assert.Equal(["suspend", "cancel"], Actions(Run()));
        Assert.Equal(["resume", "cancel"], Actions(Run() with { Status = WorkflowStatus.Suspended }));
        Assert.Equal(["resume"], Actions(Run() with { Status = WorkflowStatus.Canceled }));
        Assert.Empty(Actions(Run() with { Status = WorkflowStatus.Completed }));
    }

    [Fact]
    public void Pages_of_a_run_follow_one_another_over_the_parts_of_its_plan()
    {
        Assert.Equal(("?part=0&from=48", false, true), Of(new RunPages(0, 0, 100, 2)));
        Assert.Equal(("?part=1&from=0", true, true), Of(new RunPages(0, 96, 100, 2)));
        Assert.Equal(("?part=2&from=0", true, false), Of(new RunPages(1, 0, 48, 2)));
        Assert.Equal("?part=0&from=2147483647", new RunPages(1, 0, 48, 2).Previous);

        static (string Next, bool HasPrevious, bool HasNext) Of(RunPages pages) => (pages.Next, pages.HasPrevious, pages.HasNext);
    }

    private static IReadOnlyList<string> Actions(WorkflowInstance run)
    {
        var page = RunMarkup.Page(new RunPageView { Run = run, Now = Now, Kind = "batch", Api = "/v1/batches/x" }, Frame).Text;
        return [.. new[] { "suspend", "resume", "cancel" }.Where(verb => page.Contains($"id=\"{verb}\"", StringComparison.Ordinal))];
    }

    private static void IsHarmless(string page)
    {
        Assert.DoesNotContain("<script>alert", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\" onerror", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("' autofocus", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
    }

    private static WorkflowInstance Job() => new()
    {
        Id = $"job-{Attack}",
        Workflow = RunJob.Workflow.Name,
        Status = WorkflowStatus.Running,
        Input = JsonSerializer.Serialize(new JobTicket(Attack, "work/jobs/x.json", "00", 1, 60), WorkflowJson.Options),
        Created = Now,
        Updated = Now,
    };

    private static WorkflowInstance Run() => new()
    {
        Id = $"generate-{Attack}",
        Workflow = GenerateImages.Workflow.Name,
        Status = WorkflowStatus.Running,
        Input = JsonSerializer.Serialize(new GenerateRequest("work/jobs/x.json", new Pace()), WorkflowJson.Options),
        Output = JsonSerializer.Serialize(new GenerateSummary("x", "runs/x/manifest.json", 1, 0, 0, new Dictionary<string, long>()), WorkflowJson.Options),
        CustomStatus = JsonSerializer.Serialize(new RunStatus(Attack, Attack, 5, 9, 1, Now), WorkflowJson.Options),
        Created = Now,
        Updated = Now,
    };
}
