using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>How a generation job becomes an instance: what it says goes into blobs, and the instance gets their name.</summary>
public static class GenerateSubmission
{
    private const string Schema = "sana.generate/1";

    /// <summary>Checks the job and reads its prompts once; nothing is written.</summary>
    /// <exception cref="SanaException">The prompts cannot be read or hold nothing, or the run's name is not allowed.</exception>
    /// <exception cref="Inference.InferenceException">The job's options do not fit the checkpoint.</exception>
    /// <returns>The run's id.</returns>
    public static string Check(GenerateJob job, IModel model)
    {
        ArgumentNullException.ThrowIfNull(job);
        return job.Prompts.Rows().Any() ? RunIdentity.Of(job, model).RunId : throw new SanaException("There are no prompts: every line is blank.");
    }

    /// <summary>The same with the hashes of the adapters and the control network that it and its rows name: another one under a name is another run.</summary>
    public static GenerateJob Pinned(GenerateJob job, IModel model)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(model);
        return job with
        {
            Options = job.Options with
            {
                Adapters = job.Options.Adapters is { } uses ? new AdapterUses([.. uses.Items.Select(use => use with { Sha256 = use.Sha256 ?? model.Adapters.GetValueOrDefault(use.Name) })]) : null,
                Control = job.Options.Control is { } control ? control with { Fingerprint = control.Fingerprint ?? model.Controls.GetValueOrDefault(control.Name) } : null,
            },
            LoraOfRows = RunIdentity.LoraOfRows(job, model),
        };
    }

    /// <summary>Starts a run, or finds the one of the same job, checkpoint and place; one that had failed or was canceled starts again and goes on from what it wrote.</summary>
    /// <param name="client">The engine.</param>
    /// <param name="blobs">Where the run's outputs go too.</param>
    /// <param name="fingerprint">Of the checkpoint that makes it.</param>
    /// <param name="job">What to make.</param>
    /// <param name="pace">Default <see cref="Pace"/>'s own defaults.</param>
    /// <param name="cancellationToken">Stops before the start.</param>
    /// <exception cref="SanaException">The blobs cannot be written, or another run of this name is under way.</exception>
    public static async Task<(WorkflowInstance Instance, bool IsNew)> Start(WorkflowClient client, IBlobs blobs, string fingerprint, GenerateJob job, Pace? pace, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(blobs);
        var name = await Write(blobs, job, cancellationToken);
        var target = Digest.Sha256($"{name}\n{fingerprint}\n{blobs.Place}")[..32];
        var id = $"generate-{job.Run ?? target}";
        var there = await client.Get(id);
        var isOther = there is not null && there.Workflow == GenerateImages.Workflow.Name && WorkflowJson.Read<GenerateRequest>(there.Input).Target != target;
        if (isOther && !there!.IsFinished)
            throw new SanaException($"{id} is under way with another checkpoint, other judges, other options, other prompts or another place; let it end, cancel it, or give --run another name.");
        var isUndone = there is { IsFinished: true, Status: not WorkflowStatus.Completed };
        var request = new GenerateRequest(name, pace ?? new Pace(), Target: target, Model: fingerprint);
        return await client.Start(GenerateImages.Workflow, request, id, restartFinished: isUndone || isOther);
    }

    /// <summary>Makes again the images of a finished run that failed for one of these reasons, and writes its report anew.</summary>
    /// <returns>False when no finished generation run has this id.</returns>
    public static async Task<bool> Retry(WorkflowClient client, string id, IReadOnlyList<string> reasons)
    {
        if (await client.Get(id) is not { IsFinished: true } run || run.Workflow != GenerateImages.Workflow.Name)
        {
            return false;
        }

        var request = WorkflowJson.Read<GenerateRequest>(run.Input);
        var retry = new RetryOrder(reasons, (request.Retry?.Round ?? 0) + 1);
        return (await client.Start(GenerateImages.Workflow, request with { Retry = retry, Cursor = null }, id, restartFinished: true)).IsNew;
    }

    /// <summary>Why a run does not go on with this checkpoint; null when it may.</summary>
    public static string? WhyNot(WorkflowInstance run, IModel model)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(model);
        if (run.Workflow != GenerateImages.Workflow.Name)
            return null;
        var request = WorkflowJson.Read<GenerateRequest>(run.Input);
        return (request.Model ?? request.Cursor?.Plan.Model) is { } fingerprint && fingerprint != model.Fingerprint ? OtherModel(fingerprint, model) : null;
    }

    internal static string OtherModel(string fingerprint, IModel model) =>
        $"The run was begun with checkpoint {JobModel.Short(fingerprint)}, and this is '{model.ModelName}' {JobModel.Short(model.Fingerprint)} in {model.Precision}{Judged(model)}: "
        + "go on with the first one, its precision and its judges, or start another run.";

    /// <summary>Who judges images, for the sentences that tell one checkpoint from another; empty for nobody.</summary>
    internal static string Judged(IModel model) => model.Gate is not { } gate ? "" : $", judged by {string.Join(", ", gate.Judges.Select(judge => judge.Column + Limits(judge)))}";

    private static string Limits(JudgeCard judge) => (judge.Min, judge.Max) switch
    {
        ({ } min, { } max) => FormattableString.Invariant($" ({min}…{max})"),
        ({ } min, null) => FormattableString.Invariant($" (from {min})"),
        (null, { } max) => FormattableString.Invariant($" (up to {max})"),
        _ => "",
    };

    /// <summary>Writes what a job says under a name that follows from it.</summary>
    internal static async Task<string> Write(IBlobs blobs, GenerateJob job, CancellationToken cancellationToken)
    {
        var prompts = await PromptBlobs.Write(blobs, job.Prompts, cancellationToken);
        var document = new JobDocument(Schema, prompts, job.Options, job.Seed, job.Images, job.BatchSize, job.Format, job.Quality, job.Device, job.Run)
        {
            LoraOfRows = job.LoraOfRows,
            BestOf = job.BestOf,
            FurtherControlImages = job.FurtherControlImages.Count == 0 ? null : job.FurtherControlImages,
            RowsHavePictures = job.Prompts.Rows().Any(row => row.Prompt?.StartImage is not null) ? true : null,
        };
        var json = JsonSerializer.SerializeToUtf8Bytes(document, GenerateJson.Default.JobDocument);
        var name = $"work/jobs/{Digest.Sha256(json)}.json";
        await blobs.PutOrRepair(name, json, cancellationToken);
        return name;
    }

    /// <summary>What a document names: the folder of its prompts and its pictures; nothing when it is none of a generation run.</summary>
    internal static IReadOnlyList<string> BlobsOf(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, GenerateJson.Default.JobDocument) is { Schema: Schema, Prompts: { } prompts } document
                ? [prompts.Folder, .. StartImages.BlobsOf(document.Options?.StartImage, document.Options?.Control), .. (document.FurtherControlImages ?? []).Select(image => StartImages.Blob(image.Sha256))]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    /// <summary>The pictures that the rows of a document's prompts begin from.</summary>
    internal static IEnumerable<string> PicturesOfRows(IBlobs blobs, byte[] json)
    {
        JobDocument? document = null;
        try
        {
            document = JsonSerializer.Deserialize(json, GenerateJson.Default.JobDocument);
        }
        catch (JsonException)
        {
            // None of a generation run.
        }

        return document is { Schema: Schema, RowsHavePictures: true } ? PromptBlobs.Open(blobs, document.Prompts).Rows().SelectMany(row => row.Prompt?.StartImage is { } start ? StartImages.BlobsOf(start) : []) : [];
    }

    /// <exception cref="SanaException">There is no such job.</exception>
    internal static async Task<GenerateJob> Read(IBlobs blobs, string name, CancellationToken cancellationToken)
    {
        var json = await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name}; submit the job again.");
        var document = JsonSerializer.Deserialize(json, GenerateJson.Default.JobDocument)!;
        return new GenerateJob
        {
            Prompts = PromptBlobs.Open(blobs, document.Prompts),
            Options = document.Options,
            Seed = document.Seed,
            Images = document.Images,
            BatchSize = document.BatchSize,
            Format = document.Format,
            Quality = document.Quality,
            Device = document.Device,
            Run = document.Run,
            FurtherControlImages = document.FurtherControlImages ?? [],
            BestOf = document.BestOf,
        };
    }
}

/// <summary><c>work/jobs/{sha256}.json</c>: a <see cref="GenerateJob"/> whose prompts are in blobs.</summary>
internal sealed record JobDocument(
    string Schema, PromptsRef Prompts, GenerateOptions Options, ulong Seed, int Images, int BatchSize, ImageFormat Format, int Quality, string Device, string? Run)
{
    /// <value>Nobody reads it: it makes the document, and so the run, another one when a row's adapter is another file.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LoraRecord>? LoraOfRows { get; init; }

    /// <value>Null for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ControlImage>? FurtherControlImages { get; init; }

    /// <value>Candidates of each image; null, and then not written, for none.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BestOf? BestOf { get; init; }

    /// <value>True where rows begin from pictures.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? RowsHavePictures { get; init; }
}

/// <summary>A prompts file in blobs: its pieces are <c>{Folder}000000</c>, <c>{Folder}000001</c> …, its ending says how it is read.</summary>
internal sealed record PromptsRef(string Folder, string Ending, int Pieces);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(JobDocument))]
[JsonSerializable(typeof(PlanChunk))]
internal sealed partial class GenerateJson : JsonSerializerContext;

/// <summary>Everything one <c>sana generate</c> asks for. What decides pixels or names also decides the run's id.</summary>
public sealed record GenerateJob
{
    /// <value>The prompts; a row may override options, seed and count.</value>
    public required PromptFile Prompts { get; init; }

    /// <value>Options of rows that say nothing else.</value>
    public GenerateOptions Options { get; init; } = new();

    /// <value>Pictures that the control network of the options reads beside the one there: each prompt is drawn along each of them, with the same seeds. Default none.</value>
    public IReadOnlyList<ControlImage> FurtherControlImages { get; init; } = [];

    /// <value>Seed of rows without one. Default 0, so that the same command makes the same images.</value>
    public ulong Seed { get; init; }

    /// <value>Images for each prompt and seed, 1…10,000; the seed of each is one more than that of the one before. Default 1.</value>
    public int Images { get; init; } = 1;

    /// <value>Images rendered together, 1…64. Default 1. More is faster on a GPU and takes more memory.</value>
    public int BatchSize { get; init; } = 1;

    /// <value>Candidates of each image, of which judges keep the best; each further image begins with the seed after its last one. Default none: every image is kept.</value>
    public BestOf? BestOf { get; init; }

    /// <value>Default PNG, the only exact one.</value>
    public ImageFormat Format { get; init; } = ImageFormat.Png;

    /// <value>Of JPEG and WebP, 1…100. Default 90.</value>
    public int Quality { get; init; } = 90;

    /// <value>What the networks run on, such as <c>cpu</c>. Default <c>cpu</c>.</value>
    public string Device { get; init; } = "cpu";

    /// <value>Adapters that rows name, see <see cref="GenerateSubmission.Pinned"/>.</value>
    internal IReadOnlyList<LoraRecord>? LoraOfRows { get; init; }

    /// <value>A name for the run, a-z, 0-9 and hyphens, at most 64 characters. Default: derived from all of the above and the checkpoint.</value>
    public string? Run { get; init; }
}
