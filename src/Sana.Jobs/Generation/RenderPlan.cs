using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Generation;

/// <summary>One entry of a plan: a batch to render or a row that is left out.</summary>
internal abstract record PlanItem;

/// <summary>Images that are rendered together, always these and in this order: the last bits of a pixel may depend on the other images of the batch.</summary>
internal sealed record RenderBatch(string Id, GenerateOptions Options, IReadOnlyList<PlannedImage> Images) : PlanItem
{
    /// <summary>Where its images go, under the run's; jobs from outside share one.</summary>
    public string Folder { get; init; } = Id;

    /// <summary>How judges choose among each <see cref="BestOf.Of"/> of its images, which are candidates of one; null where each is an image of its own.</summary>
    public BestOf? BestOf { get; init; }

    /// <summary>How often each image is shown before it is done, 0…3.</summary>
    public int Previews { get; init; }
}

internal sealed record RejectedRow(long Row, Rejection Rejection) : PlanItem;

internal sealed record PlannedImage(long Row, string? Id, ImageRequest Request)
{
    /// <summary>The job that its name carries.</summary>
    public string Job { get; init; } = RunNames.Job(Row);

    /// <summary>What its record says of the row, beside what the networks say of the image.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];
}

/// <summary>
/// Rows to batches, as a stream: the rows of a window are grouped by equal settings and the groups cut into batches. The same job always gives the same plan,
/// whatever of it is already done.
/// </summary>
internal sealed class RenderPlan(GenerateJob job, IModel model, BestOf? bestOf = null)
{
    // Some batches of each kind fit in, while a window of the longest prompts stays under 100 MB.
    private const int Window = 256;

    // Rows with overrides seldom have many kinds; the bound is for files that do.
    private const int MaxCached = 64;

    private readonly Dictionary<GenerateOptions, (GenerateOptions? Options, string? Fault)> _resolved = [];

    public IEnumerable<PlanItem> Items()
    {
        var window = new List<(GenerateOptions Options, PlannedImage Image)>(Window);
        var batches = 0L;
        foreach (var (row, options, rejection) in Rows())
        {
            if (options is null)
            {
                yield return new RejectedRow(row.Row, rejection!);
                continue;
            }

            foreach (var image in Images(row))
            {
                if (bestOf is not null)
                {
                    // The candidates of an image are a batch: they are decided together.
                    yield return new RenderBatch(RunNames.Batch(batches++), options, [.. bestOf.Seeds(image.Request.Seed).Select(seed => image with { Request = image.Request with { Seed = seed } })]);
                    continue;
                }

                window.Add((options, image));
                if (window.Count == Window)
                {
                    foreach (var batch in Cut(window))
                    {
                        yield return new RenderBatch(RunNames.Batch(batches++), batch.Options, batch.Images);
                    }

                    window.Clear();
                }
            }
        }

        foreach (var batch in Cut(window))
        {
            yield return new RenderBatch(RunNames.Batch(batches++), batch.Options, batch.Images);
        }
    }

    private IEnumerable<(GenerateOptions Options, IReadOnlyList<PlannedImage> Images)> Cut(List<(GenerateOptions Options, PlannedImage Image)> window) => window
        .GroupBy(planned => planned.Options, planned => planned.Image)
        .SelectMany(group => group.Chunk(job.BatchSize).Select(images => (group.Key, (IReadOnlyList<PlannedImage>)images)));

    private IEnumerable<PlannedImage> Images(PromptRow row)
    {
        var prompt = row.Prompt!;
        string[] flags = row.Unknown.Count > 0 ? [PromptRow.UnknownField] : [];
        return from seed in SeedsOf(prompt)
               from count in Enumerable.Range(0, prompt.Images ?? job.Images)
               select new PlannedImage(row.Row, prompt.Id, new ImageRequest(prompt.Text, unchecked(seed + ((ulong)count * (ulong)Candidates)))) { Flags = flags };
    }

    // Seeds count up, so that each image can be made alone by the seed in its record; a list of seeds must leave room for that.
    private string? Overlap(PromptSpec prompt)
    {
        var images = (prompt.Images ?? job.Images) * Candidates;
        if (prompt.Seeds is not { Count: > 1 } seeds || images == 1)
            return null;
        var taken = new HashSet<ulong>();
        return seeds.SelectMany(seed => Enumerable.Range(0, images).Select(count => unchecked(seed + (ulong)count))).All(taken.Add)
            ? null : $"With {images} images each, seeds count up and two of the row's seeds meet; leave {images} between them, or list every seed with 1 image.";
    }

    private int Candidates => bestOf?.Of ?? 1;

    private IReadOnlyList<ulong> SeedsOf(PromptSpec prompt) => prompt.Seeds ?? [job.Seed];

    /// <summary>The rows with their options filled; without options where the row is left out.</summary>
    private IEnumerable<(PromptRow Row, GenerateOptions? Options, Rejection? Rejection)> Rows()
    {
        foreach (var row in job.Prompts.Rows())
        {
            if (row.Prompt is null)
            {
                yield return (row, null, row.Rejection);
                continue;
            }

            foreach (var control in Controls())
            {
                var (options, fault) = Resolve(row.Prompt, control);
                fault ??= Overlap(row.Prompt);
                options = fault is null ? options : null;
                yield return (row, options, fault is null ? null : new Rejection(RejectReason.BadRequest, fault));
                if (fault is not null)
                    break; // it is the row's, whatever picture it would follow
            }
        }
    }

    // One for each picture that the control network reads; without one, none of them.
    private IEnumerable<ControlUse?> Controls() => job.Options.Control is { } control
        ? [control, .. job.FurtherControlImages.Select(image => control with { Image = image })]
        : [null];

    private (GenerateOptions? Options, string? Fault) Resolve(PromptSpec prompt, ControlUse? control)
    {
        if (prompt.Picture is not null)
            return (null, "The row's image is a file, and files of rows are read by sana generate alone, from lists of JSON lines; bring the list there.");
        var start = prompt.StartImage ?? job.Options.StartImage;
        if (start is null && prompt.Strength is not null)
            return (null, "The row's strength says what becomes of a picture, and there is none; give the row an image.");
        var asked = job.Options with
        {
            Width = prompt.Width ?? job.Options.Width,
            Height = prompt.Height ?? job.Options.Height,
            Steps = prompt.Steps ?? job.Options.Steps,
            Guidance = prompt.GuidanceScale ?? job.Options.Guidance,
            NegativePrompt = prompt.NegativePrompt ?? job.Options.NegativePrompt,
            Control = control,
            StartImage = prompt.Strength is { } strength ? start! with { Strength = strength } : start,
            Adapters = prompt.Lora is { } lora ? new AdapterUses(lora) : job.Options.Adapters,
        };
        if (_resolved.TryGetValue(asked, out var known))
        {
            return known;
        }

        if (_resolved.Count == MaxCached)
        {
            _resolved.Clear();
        }

        try
        {
            return _resolved[asked] = (model.Resolve(asked), null);
        }
        catch (InferenceException error)
        {
            return _resolved[asked] = (null, error.Message);
        }
    }
}
