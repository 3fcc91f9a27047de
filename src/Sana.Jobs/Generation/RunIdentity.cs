using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Networks;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>What decides a run, as canonical JSON, and the id that follows from it.</summary>
internal sealed partial record RunIdentity(string RunId, RunConfig Config, byte[] Json, string Sha256)
{
    // 128 bits: two runs never meet, and a path stays readable.
    private const int IdDigits = 32;

    /// <exception cref="SanaException">The name that the job gives its run is not allowed.</exception>
    /// <exception cref="Inference.InferenceException">The job's options do not fit the checkpoint.</exception>
    public static RunIdentity Of(GenerateJob job, IModel model)
    {
        var config = new RunConfig(
            "sana.run/1",
            ModelRecord.Of(model),
            Settings(model.Resolve(job.Options)),
            job.Seed,
            job.Images,
            job.BatchSize,
            new OutputRecord(Word(job.Format), job.Format == ImageFormat.Png ? null : job.Quality),
            job.Device,
            new PromptsRecord(job.Prompts.Sha256()))
        {
            LoraOfRows = LoraOfRows(job, model),
            Gate = model.Gate,
            BestOf = job.BestOf?.Resolve(model.Gate),
            FurtherControlImages = job.FurtherControlImages.Count == 0 ? null : [.. job.FurtherControlImages.Select(image => image.Sha256)],
        };
        var json = JsonSerializer.SerializeToUtf8Bytes(config, RunJson.Readable.RunConfig);
        return new RunIdentity(Checked(job.Run) ?? Decisive(config)[..IdDigits], config, json, Digest.Sha256(json));
    }

    /// <summary>The identity of a run that was claimed before.</summary>
    public static RunIdentity Read(string runId, byte[] json) =>
        new(runId, JsonSerializer.Deserialize(json, RunJson.Readable.RunConfig)!, json, Digest.Sha256(json));

    /// <summary>The first run of a name decides what it stands for.</summary>
    /// <returns>The identity as it was claimed first: its checkpoint may have had another name.</returns>
    /// <exception cref="SanaException">The name stands for another run.</exception>
    public async Task<RunIdentity> Claim(IBlobs blobs, RunNames names, CancellationToken cancellationToken)
    {
        if (await blobs.PutIfAbsent(names.Config, Json, cancellationToken))
        {
            return this;
        }

        var there = await blobs.Read(names.Config, cancellationToken) ?? [];
        return Json.AsSpan().SequenceEqual(there) ? this : SameRun(there) ?? throw new UnusableJobException(
            $"Run '{RunId}' in {blobs.Place} was made from another checkpoint, with other judges, other options or other prompts; give --run another name or leave it out.");
    }

    /// <summary>Says that the run is complete.</summary>
    public Task WriteManifest(IBlobs blobs, RunNames names, OutcomeLists outcomes, CancellationToken cancellationToken)
    {
        var version = typeof(RunIdentity).Assembly.GetName().Version!.ToString(3);
        var manifest = new RunManifest("sana.manifest/1", RunId, $"sana {version}", Sha256, Config, outcomes.Status, outcomes.Reasons, outcomes.Lists);
        return blobs.PutOrRepair(names.Manifest, JsonSerializer.SerializeToUtf8Bytes(manifest, RunJson.Readable.RunManifest), cancellationToken);
    }

    public static SettingsRecord Settings(GenerateOptions options) => new(
        options.Width,
        options.Height,
        options.Steps,
        options.Guidance,
        options.NegativePrompt,
        options.Solver switch
        {
            null => null,
            SolverKind.FlowDpm => "flow-dpm",
            SolverKind.FlowEuler => "flow-euler",
            SolverKind.Scm => "scm",
            _ => throw new ArgumentOutOfRangeException(nameof(options)),
        },
        options.UseResolutionBinning,
        options.UseInstruction)
    {
        EnhancePrompt = options.EnhancePrompt,
        LongPrompts = options.RefuseLongPrompts ? "refuse" : null,
        Lora = options.Adapters is { Items: { Count: > 0 } uses } ? [.. uses.Select(use => new LoraRecord(use.Name, use.Sha256, use.Weight))] : null,
        StartImage = options.StartImage is { } start ? new StartImageRecord(start.Sha256, start.Width, start.Height, start.Strength) { MaskSha256 = start.MaskSha256 } : null,
        Control = options.Control is { Image: { } image } control ? new ControlRecord(control.Name, control.Fingerprint, control.Scale, image.Sha256, image.Width, image.Height) : null,
        Pag = options.Pag is { } pag ? new PagRecord(pag.Scale, pag.AdaptiveScale, pag.Layers) : null,
    };

    // A row says a name, and the file that has it may be another one tomorrow. Where no adapter is known there is nothing to look for.
    internal static LoraRecord[]? LoraOfRows(GenerateJob job, IModel model)
    {
        if (model.Adapters.Count == 0)
            return null;
        var names = new SortedSet<string>(job.Prompts.Rows().SelectMany(row => row.Prompt?.Lora ?? []).Select(use => use.Name), StringComparer.Ordinal);
        LoraRecord[] known = [.. names.Where(model.Adapters.ContainsKey).Select(name => new LoraRecord(name, model.Adapters[name], 1))];
        return known.Length == 0 ? null : known;
    }

    private RunIdentity? SameRun(byte[] there)
    {
        try
        {
            return Read(RunId, there) is var claimed && Decisive(claimed.Config) == Decisive(Config) ? claimed : null;
        }
        catch (JsonException)
        {
            return null; // another version wrote it
        }
    }

    // A checkpoint with its judges and a control network are their fingerprints and an adapter its hash: their names are those of folders and files, which can be moved. Rows name adapters, so there the name stays.
    private static string Decisive(RunConfig config)
    {
        var lora = config.Settings.Lora?.Select(each => each with { Name = "" }).ToArray();
        var decisive = config with { Model = config.Model with { Name = "", Decoder = null }, Gate = null, Settings = config.Settings with { Lora = lora, Control = config.Settings.Control?.Nameless } };
        return Digest.Sha256(JsonSerializer.SerializeToUtf8Bytes(decisive, RunJson.Readable.RunConfig));
    }

    private static string Word(ImageFormat format) => format.ToString().ToLowerInvariant();

    private static string? Checked(string? run) => run is null || RunName().IsMatch(run)
        ? run
        : throw new UnusableJobException("The run's name takes a-z, 0-9 and hyphens inside, 1…64 characters, such as 'posters-2'.");

    [GeneratedRegex(@"^(?=.{1,64}\z)[a-z0-9]+(-[a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex RunName();
}

/// <summary>Every image and every rejected row as a line, in lists of 10,000, and their counts: what becomes of a row is never only in a log.</summary>
internal sealed class OutcomeLists(IBlobs blobs, RunNames names)
{
    private const int RowsPerList = 10_000;

    private readonly List<OutcomeListRecord> _lists = [];
    private readonly SortedDictionary<string, long> _status = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _reasons = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _lines = new();
    private int _rows;

    public IReadOnlyList<OutcomeListRecord> Lists => _lists;

    public IReadOnlyDictionary<string, long> Status => _status;

    public IReadOnlyDictionary<string, long> Reasons => _reasons;

    /// <summary>Failed images without a record: their batch was given up.</summary>
    public long Lost { get; private set; }

    /// <summary>Images whose prompt, or negative prompt, was cut at what the network reads.</summary>
    public long Cut { get; private set; }

    public long Count(string status) => _status.GetValueOrDefault(status);

    public async Task Add(OutcomeRecord outcome, CancellationToken cancellationToken)
    {
        _status[outcome.Status] = Count(outcome.Status) + 1;
        Lost += outcome.IsLost ? 1 : 0;
        Cut += outcome.Flags.Any(flag => flag is "prompt_truncated" or "negative_prompt_truncated") ? 1 : 0;
        if (outcome is { Reason: { } reason, Status: not OutcomeStatus.NotKept })
        {
            _reasons[reason] = _reasons.GetValueOrDefault(reason) + 1;
        }

        _lines.Write(JsonSerializer.SerializeToUtf8Bytes(outcome, RunJson.Readable.OutcomeRecord));
        _lines.Write("\n"u8);
        if (++_rows == RowsPerList)
        {
            await Flush(cancellationToken);
        }
    }

    /// <summary>Writes the last list.</summary>
    public async Task Flush(CancellationToken cancellationToken)
    {
        if (_rows == 0)
        {
            return;
        }

        var name = names.Outcomes(_lists.Count);
        var bytes = _lines.WrittenMemory;
        await blobs.PutOrRepair(name, bytes, cancellationToken);
        _lists.Add(new OutcomeListRecord(name, Digest.Sha256(bytes.Span), bytes.Length, _rows));
        _lines.ResetWrittenCount();
        _rows = 0;
    }
}
