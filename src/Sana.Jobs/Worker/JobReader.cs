using System.Text.RegularExpressions;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Worker;

/// <summary>What a message asks for, checked: nothing after this looks at the message again. Names that a caller gives can reach his own folder only.</summary>
internal sealed partial class JobReader(IBlobs blobs, RenderWorkerOptions options, CallbackRules callbacks)
{
    private StartImage? _start; // the last one: the batches of a run mostly begin from the same
    private ControlImage? _control; // likewise

    /// <exception cref="JobFaultException">The message asks for what cannot be, or what this worker does not do.</exception>
    /// <exception cref="OtherModelException">It is for a worker with another checkpoint.</exception>
    /// <exception cref="Inference.InferenceException">Its options do not fit the checkpoint.</exception>
    public async Task<RenderJob> Read(JobMessage job, IModel model, CancellationToken cancellationToken)
    {
        if (job.Model?.Revision is { Length: > 0 } revision)
            Leave(job.Model.Id, revision.StartsWith("sha256:", StringComparison.Ordinal) ? revision["sha256:".Length..] : revision, model);
        else if (job.Model?.Id is { Length: > 0 } name && !IsNameOf(name, model))
            throw OtherName(name, model);
        return job.Input.Batch is { } batch ? await FromPlan(job, batch, model, cancellationToken) : await FromOutside(job, model, cancellationToken);
    }

    /// <summary>The id as part of a name.</summary>
    /// <exception cref="JobFaultException">It cannot be.</exception>
    public static string NameOf(string jobId) => JobId().IsMatch(jobId) && !OwnName().IsMatch(jobId)
        ? jobId.ToLowerInvariant()
        : throw Bad("job_id is not 1…128 letters, digits, hyphens and underscores, or is one of the names that runs use (b or j and nine digits).");

    private async Task<RenderJob> FromPlan(JobMessage job, string batch, IModel model, CancellationToken cancellationToken)
    {
        if (job.Reply is null || job.Input.PromptRef is not { } name || PlanName().Match(name) is not { Success: true } match)
            throw Bad("input.batch is for messages of a workflow: they have reply, and prompt_ref is a chunk of a plan.");
        if (!await blobs.Exists(name, cancellationToken))
            throw Bad($"There is no plan {name} in {blobs.Place}.");
        var chunk = await PlanChunk.Read(blobs, name, cancellationToken);
        var rendered = chunk.Batches().FirstOrDefault(each => each.Id == batch);
        if (rendered is null || chunk.RunId != match.Groups[1].Value)
            throw Bad($"The plan {name} has no such batch.");
        if (chunk.Model is { } planned)
            Leave(planned.Name, planned.Fingerprint, model);
        LeaveAdapters(rendered.Options.Adapters, model);
        var (start, control) = (await Start(rendered.Options.StartImage, cancellationToken), await Control(rendered.Options.Control, model, cancellationToken));
        rendered = rendered with { Options = rendered.Options with { StartImage = start, Control = control } };
        return new RenderJob(new RunNames(chunk.RunId), rendered, chunk.Output, chunk.Together ?? rendered.Images.Count);
    }

    private async Task<StartImage?> Start(StartImage? asked, CancellationToken cancellationToken)
    {
        if (asked is null)
            return null;
        var known = _start;
        return known is not null && (known.Sha256, known.MaskSha256) == (asked.Sha256, asked.MaskSha256)
            ? asked with { Width = known.Width, Height = known.Height, Pixels = known.Pixels }
            : _start = await StartImages.Read(blobs, asked, cancellationToken);
    }

    // What the sender's host knew and this one does not, another worker may have.
    private async Task<ControlUse?> Control(ControlUse? asked, IModel model, CancellationToken cancellationToken)
    {
        if (asked is null)
            return null;
        if (asked is { Name: null } or { Image: null })
            throw Bad("control is an object with the name of a control network and its image.");
        if (asked.Fingerprint is { } fingerprint && model.Controls.GetValueOrDefault(asked.Name) != fingerprint)
            throw new OtherModelException($"This is for the control network '{Short(asked.Name)}' {Short(fingerprint)}, which this worker does not have: start one that has it, or cancel what asked for it.");
        if (_control?.Sha256 != asked.Image.Sha256)
            _control = await StartImages.Read(blobs, asked.Image, cancellationToken);
        return asked with { Image = _control };
    }

    private async Task<RenderJob> FromOutside(JobMessage job, IModel model, CancellationToken cancellationToken)
    {
        Refuse(job.Callback);
        var input = await ClaimCheck.Redeem(blobs, job.Input, cancellationToken);
        Refuse(PromptText.Check(input.Prompt ?? "", mayBeEmpty: input.StartImage is not null));
        Refuse(PromptText.Check(input.NegativePrompt ?? "", "Negative prompt", mayBeEmpty: true));
        var seeds = input.Seeds ?? [0];
        if (seeds.Count == 0 || seeds.Distinct().Count() != seeds.Count)
            throw Bad($"seeds has {seeds.Count} entries; it should have different ones, at least one.");
        var best = input.BestOf?.Resolve(model.Gate);
        if (best is not null)
            seeds = [.. seeds.SelectMany(best.Seeds)];
        if (seeds.Distinct().Count() != seeds.Count)
            throw Bad($"With best_of {best!.Of} each seed stands for as many from it on, and two of them meet; leave {best.Of} between them.");
        if (seeds.Count > options.MaxImages)
            throw new JobFaultException(FaultReason.Policy, $"The job asks for {seeds.Count} images; this worker makes up to {options.MaxImages} a job.");

        var resolved = model.Resolve(new GenerateOptions
        {
            Width = input.Width,
            Height = input.Height,
            Steps = input.Steps,
            Guidance = input.GuidanceScale ?? new GenerateOptions().Guidance,
            NegativePrompt = input.NegativePrompt ?? "",
            Solver = Solver(input.Scheduler),
            UseInstruction = input.Chi ?? true,
            EnhancePrompt = input.EnhancePrompt ?? false,
            RefuseLongPrompts = RefusesLongPrompts(input.LongPrompts),
            Adapters = Adapters(input.Lora, model),
            StartImage = await Start(input.StartImage, cancellationToken),
            Pag = input.Pag,
            Control = await Control(input.Control, model, cancellationToken),
        });
        if ((long)resolved.Width!.Value * resolved.Height!.Value is var pixels && pixels > options.MaxPixels)
            throw new JobFaultException(FaultReason.Policy, $"The job asks for {pixels} pixels an image; this worker makes up to {options.MaxPixels}.");

        var id = NameOf(job.JobId);
        var images = seeds.Select(seed => new PlannedImage(1, null, new ImageRequest(input.Prompt ?? "", seed)) { Job = id });
        var batch = new RenderBatch(id, resolved, [.. images]) { Folder = job.BatchId is null ? id : NameOf(job.BatchId), Previews = Math.Clamp(input.Previews ?? 0, 0, Previews.Most), BestOf = best };
        return new RenderJob(Names(job, id), batch, new ImageOutput(Format(job.Output.Format), Quality(job.Output.Quality), options.Device), options.BatchSize);
    }

    private static RunNames Names(JobMessage job, string id)
    {
        if (job.Output.Prefix is not { } prefix)
            return new RunNames(id, $"jobs/{id}");
        return Prefix().Match(prefix) is { Success: true } match
            ? new RunNames(match.Groups[1].Value, prefix.TrimEnd('/'))
            : throw Bad("output.prefix is not runs/<name>/ or jobs/<name>/ with a name of a-z, 0-9 and hyphens, 1…64 characters.");
    }

    private static SolverKind? Solver(string? word) => word switch
    {
        null => null,
        "flow-dpm++2m" or "flow-dpm" => SolverKind.FlowDpm,
        "flow-euler" => SolverKind.FlowEuler,
        "scm" => SolverKind.Scm,
        _ => throw Bad("scheduler is none of flow-dpm++2m, flow-dpm, flow-euler, scm."),
    };

    private static bool RefusesLongPrompts(string? word) => word switch
    {
        null or "cut" => false,
        "refuse" => true,
        _ => throw Bad("long_prompts is neither cut nor refuse."),
    };

    private static ImageFormat Format(string? word) => word switch
    {
        null or "png" => ImageFormat.Png,
        "jpeg" or "jpg" => ImageFormat.Jpeg,
        "webp" => ImageFormat.Webp,
        _ => throw Bad("output.format is none of png, jpeg, webp."),
    };

    private static int Quality(int? quality) => quality is null or (>= 1 and <= 100) ? quality ?? 90 : throw Bad($"output.quality {quality} is outside 1…100.");

    /// <summary>One checkpoint alone may go on with what was begun with it: pixels of two would be mixed.</summary>
    private static void Leave(string? name, string fingerprint, IModel model)
    {
        if (fingerprint != model.Fingerprint)
        {
            throw new OtherModelException(
                $"This is for {Named(name, fingerprint)}, and this worker has {Named(model.ModelName, model.Fingerprint)} in {model.Precision}{GenerateSubmission.Judged(model)}: "
                + "start one with that checkpoint, precision and judges, or cancel what asked for it.");
        }
    }

    // What the sender's host knew and this one does not, another worker may have.
    private static AdapterUses? Adapters(IReadOnlyList<AdapterUse>? lora, IModel model)
    {
        if (lora is null or { Count: 0 })
            return null;
        if (lora.Any(use => use?.Name is null))
            throw Bad("lora is a list of objects with a name.");
        var uses = new AdapterUses(lora);
        LeaveAdapters(uses, model);
        return uses;
    }

    private static void LeaveAdapters(AdapterUses? uses, IModel model)
    {
        foreach (var use in uses?.Items ?? [])
        {
            if (use.Sha256 is { } sha256 && model.Adapters.GetValueOrDefault(use.Name) != sha256)
                throw new OtherModelException($"This is for the adapter '{Short(use.Name)}' with SHA-256 {Short(sha256)}, which this worker does not have: start one that has it, or cancel what asked for it.");
        }
    }

    private static JobFaultException OtherName(string name, IModel model) => new(
        FaultReason.ModelMismatch,
        $"The job is for the model '{Short(name)}' and this worker has '{model.ModelName}'; leave model.id out, or send the job where that model is.");

    private static string Named(string? name, string fingerprint) => $"{(name is null ? "the model" : $"'{Short(name)}'")} {JobModel.Short(fingerprint)}";

    // A model of a hub is owner/name; its last part is what people call it.
    private static bool IsNameOf(string name, IModel model) => name.Equals(model.ModelName, StringComparison.OrdinalIgnoreCase)
        || name.Equals(model.ModelName[(model.ModelName.LastIndexOf('/') + 1)..], StringComparison.OrdinalIgnoreCase);

    private static string Short(string text) => text.Length > 80 ? text[..80] + "…" : text;

    private void Refuse(JobCallback? callback)
    {
        try
        {
            if (callback is not null)
                callbacks.Check(callback);
        }
        catch (BlockedCallbackException error)
        {
            throw Bad($"{error.Field}: {error.Message}");
        }
    }

    private static void Refuse(Rejection? rejection)
    {
        if (rejection is not null)
            throw Bad(rejection.Message);
    }

    private static JobFaultException Bad(string message) => new(FaultReason.BadInput, message);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex JobId();

    // A job from outside that took one of these could write where a run's batch does.
    [GeneratedRegex(@"^[bjBJ][0-9]{9}\z", RegexOptions.CultureInvariant)]
    private static partial Regex OwnName();

    [GeneratedRegex(@"^work/([a-z0-9-]{1,64})/plan/[0-9]{6,9}\.json\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlanName();

    [GeneratedRegex(@"^(?:runs|jobs)/([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)/?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Prefix();
}

/// <summary>A batch to render, where its images go, how they are written, and how many are rendered together.</summary>
internal sealed record RenderJob(RunNames Names, RenderBatch Batch, ImageOutput Output, int MaxBatch);
