using System.Globalization;
using System.Text;
using Sana.Inference.Diffusion;
using Sana.Jobs.Control;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;
using Sana.Storage;

namespace Sana.Local.Serve;

/// <summary>Reads what the page of one run shows: a job, a generation run or a curation run.</summary>
internal sealed class RunPage(ApiParts parts, QueueWatch queue, RecentWork recent, Func<JobProgress?> current)
{
    /// <summary>Images on one page.</summary>
    public const int MaxImages = 48;

    /// <summary>What runs are called.</summary>
    public RunTitles Titles { get; } = new(parts.Blobs);

    /// <summary>A place in a run as the page's query has it; 0 for what is no number.</summary>
    public static int Place(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>The run of an instance; null when there is none.</summary>
    public async Task<RunPageView?> Read(string id, int chunk, int from)
    {
        if (await parts.Workflows.Get(id) is not { } run)
            return null;
        var view = new RunPageView { Run = run, Title = await Titles.Of(run, CancellationToken.None), Now = parts.Clock.GetUtcNow().UtcDateTime };
        if (run.Workflow == RunJob.Workflow.Name)
            return await Job(view);
        if (run.Workflow == GenerateImages.Workflow.Name)
            return await Generation(view, chunk, from);
        return run.Workflow == CurateDataset.Workflow.Name ? Curation(view) : null;
    }

    private async Task<RunPageView> Job(RunPageView view)
    {
        var ticket = WorkflowJson.Read<JobTicket>(view.Run.Input);
        var asked = await parts.Blobs.Read(ticket.Message, CancellationToken.None) is { } message ? JobMessage.Parse(Encoding.UTF8.GetString(message)) : null;
        var result = view.Run.IsFinished && await parts.Blobs.Read(RequestedJobs.Result(ticket.JobId), CancellationToken.None) is { } bytes ? JobResult.Parse(bytes) : null;
        var isRendering = !view.Run.IsFinished && parts.Rendering() == ticket.JobId;
        var (prompt, input) = (asked?.Input.Prompt ?? "", asked?.Input);
        return view with
        {
            Kind = "job",
            Title = asked?.Input.Prompt ?? view.Title,
            Status = isRendering ? JobStatus.Processing : JobsApi.StatusOf(view.Run),
            Api = $"/v1/jobs/{Uri.EscapeDataString(ticket.JobId)}",
            Step = isRendering ? current()?.Step : null,
            Waiting = queue.Counts.Waiting,
            Settings = input is null ? [] : Settings(input),
            Error = result?.Error?.Message ?? view.Run.Error,
            Images = result is { Images.Count: > 0 }
                ? [.. result.Images.Select(image => new RunImage(prompt, image.Seed, image.Blob, image.Width, image.Height, image.Reason, image.Reason is null ? null : "No image came out that could be kept."))]
                : view.Run.IsFinished ? []
                : [.. (input?.Seeds ?? []).Select(seed => new RunImage(prompt, seed, null, input?.Width ?? 0, input?.Height ?? 0, null, null))],
        };
    }

    private async Task<RunPageView> Generation(RunPageView view, int chunk, int from)
    {
        var shown = RunViews.Of(view.Run, view.Run.Id, "");
        var runId = RunImages.RunIdOf(view.Run);
        var images = runId is null ? null : await RunImages.Read(parts.Blobs, runId, chunk, from, MaxImages, CancellationToken.None);
        return Whole(view, shown, "batch", $"/v1/batches/{Uri.EscapeDataString(view.Run.Id["generate-".Length..])}") with
        {
            Images = images?.Images ?? [],
            Pages = images is null ? null : new RunPages(images.Chunk, images.From, images.InChunk, Chunks(view.Run)),
        };
    }

    private RunPageView Curation(RunPageView view)
    {
        var request = WorkflowJson.Read<CurateRequest>(view.Run.Input);
        return Whole(view, RunViews.Of(view.Run, view.Run.Id, ""), "dataset", $"/v1/datasets/{Uri.EscapeDataString(request.Dataset)}/runs/{Uri.EscapeDataString(request.Version)}");
    }

    private RunPageView Whole(RunPageView view, RunView shown, string kind, string api)
    {
        var at = view.Run.CustomStatus is { } status ? WorkflowJson.Read<RunStatus>(status) : null;
        if (at is not null && !view.Run.IsFinished)
            at = at with { Done = Math.Clamp(recent.Settled(at.RunId), at.Done, Math.Max(at.Done, at.Total)) };
        return view with
        {
            Kind = kind,
            Status = shown.Status,
            Api = api,
            Progress = view.Run.Status == WorkflowStatus.Completed ? null : at,
            Succeeded = shown.Succeeded,
            Failed = shown.Failed ?? at?.Failed,
            Rejected = shown.Rejected,
            Reasons = shown.Reasons ?? new Dictionary<string, long>(),
            Error = shown.Error,
            Manifest = shown.Manifest,
            Report = shown.Report,
        };
    }

    private static int? Chunks(WorkflowInstance run) => WorkflowJson.Read<GenerateRequest>(run.Input).Cursor?.Plan.Chunks;

    private static IReadOnlyList<string> Settings(JobInput input)
    {
        string?[] said =
        [
            input is { Width: { } width, Height: { } height } ? string.Create(CultureInfo.InvariantCulture, $"{width} × {height}") : null,
            input.Steps is { } steps ? Counted.Of(steps, "step") : null,
            input.GuidanceScale is { } guidance ? string.Create(CultureInfo.InvariantCulture, $"guidance {guidance:0.##}") : null,
            input.NegativePrompt is { Length: > 0 } negative ? $"without {negative}" : null,
        ];
        return [.. said.OfType<string>()];
    }
}

/// <summary>What the page of a run shows, at one moment.</summary>
internal sealed record RunPageView
{
    public required WorkflowInstance Run { get; init; }

    public required DateTime Now { get; init; }

    /// <summary>The first prompt, or the dataset's name.</summary>
    public string? Title { get; init; }

    /// <summary>job, batch or dataset.</summary>
    public string Kind { get; init; } = "";

    /// <summary>In the words of the API.</summary>
    public string Status { get; init; } = "";

    /// <summary>Where the API has it.</summary>
    public string Api { get; init; } = "";

    /// <summary>Where the render of a job stands.</summary>
    public GenerateProgress? Step { get; init; }

    /// <summary>Jobs that wait.</summary>
    public long Waiting { get; init; }

    public RunStatus? Progress { get; init; }

    public long? Succeeded { get; init; }

    public long? Failed { get; init; }

    public long? Rejected { get; init; }

    public IReadOnlyDictionary<string, long> Reasons { get; init; } = new Dictionary<string, long>();

    public IReadOnlyList<string> Settings { get; init; } = [];

    public string? Error { get; init; }

    public string? Manifest { get; init; }

    public string? Report { get; init; }

    public IReadOnlyList<RunImage> Images { get; init; } = [];

    /// <summary>Where the images are in the run; null when they are all.</summary>
    public RunPages? Pages { get; init; }
}

/// <summary>A place in the plan of a run.</summary>
/// <param name="Chunk">The chunk of the plan, from 0.</param>
/// <param name="From">The first image of the page in it, from 0.</param>
/// <param name="InChunk">Images of the chunk.</param>
/// <param name="Chunks">Chunks of the plan; null when it is not known.</param>
internal sealed record RunPages(int Chunk, int From, int InChunk, int? Chunks)
{
    public bool HasNext => From + RunPage.MaxImages < InChunk || Chunk + 1 < Chunks;

    public bool HasPrevious => From > 0 || Chunk > 0;

    public string Next => From + RunPage.MaxImages < InChunk ? Query(Chunk, From + RunPage.MaxImages) : Query(Chunk + 1, 0);

    // Behind the end of a chunk is its last page.
    public string Previous => From > 0 ? Query(Chunk, Math.Max(0, From - RunPage.MaxImages)) : Query(Chunk - 1, int.MaxValue);

    private static string Query(int chunk, int from) => string.Create(CultureInfo.InvariantCulture, $"?part={chunk}&from={from}");
}
