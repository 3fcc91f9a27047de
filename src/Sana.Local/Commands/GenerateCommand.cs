using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Unicode;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana generate</c>: prompts to images.</summary>
internal sealed class GenerateCommand : Command
{
    private const int MostNamed = 8;
    private readonly HostArguments _host = new(defaultData: null, defaultOut: "out");
    private readonly GenerateArguments _arguments = new();
    private readonly BestOfArguments _best = new();
    private readonly Option<int?> _inFlight = CommonOptions.Number("--in-flight", "Batches on their way at once, 1…500. Default: 16.", 1, 500);
    private readonly Option<int?> _deadline = CommonOptions.Number("--deadline", "Seconds that one batch may take, 1…604800; after that it is tried again. Default: 3600.", 1, 604_800);
    private readonly Option<bool> _json = CommonOptions.Json();

    public GenerateCommand()
        : base("generate", "Make images from prompts. The same command again skips what is there; a run that was stopped or killed goes on.")
    {
        Option[] options = [.. _arguments.All, .. _best.All, .. _host.All, _inFlight, _deadline, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var options = _host.ReadWithCheckpoint(parsed);
        var loras = WrongUseException.Unless(() => LoraArguments.Read(_arguments.Loras(parsed), ServerFile.Read(options.Data).Loras));
        options = options with { Loras = loras.Places };
        var start = WrongUseException.Unless(() => _arguments.StartImage(parsed));
        var job = WrongUseException.Unless(() => _arguments.Job(parsed, Device.Parse(options.Device), loras.Uses, start?.Image)) with { BestOf = _best.Read(parsed) };
        await using var host = await LocalHost.Open(options with { Worker = options.Worker with { WarmsUp = false } }, cancellationToken);
        var model = await host.Model(cancellationToken);
        WrongUseException.Unless(() => GenerateSubmission.Check(job, model));
        job = GenerateSubmission.Pinned(job, model);
        if (start is not null)
            await start.Write(host.Blobs, cancellationToken);
        var pace = new Pace(parsed.GetValue(_inFlight) ?? 16, parsed.GetValue(_deadline) ?? 3600);
        var started = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, job, pace, cancellationToken);
        if (started.Instance.Status == WorkflowStatus.Suspended)
            await host.Client.Resume(started.Instance.Id);
        var ended = (await ProgressView.ToTheEnd(host, [("generate", started.Instance.Id)], linesWhenRedirected: false, cancellationToken))[0];
        return Report(host, job, ended, clock.Elapsed, parsed.GetValue(_json));
    }

    private static int Report(LocalHost host, GenerateJob job, WorkflowInstance ended, TimeSpan elapsed, bool json)
    {
        if (ended.Status != WorkflowStatus.Completed)
            throw new SanaException(RunOutput.WhyEnded(ended));
        var run = ended.ReadOutput<GenerateSummary>();
        var recorded = run.Succeeded + run.Failed - run.Lost;
        var made = Math.Min(host.Jobs.Recent.Settled(run.RunId), recorded);
        var skipped = recorded - made;
        if (!json)
            Console.WriteLine($"{RunOutput.Images(run.Succeeded)} in {host.Blobs.Place}, runs/{run.RunId}/ ({skipped} {(skipped == 1 ? "was" : "were")} there before, {elapsed.TotalSeconds:0.0} s).");
        var flags = Unused(job.Prompts);
        var exitCode = RunOutput.End(ended);
        if (json)
        {
            var status = exitCode switch { ExitCode.Done => "succeeded", ExitCode.SomeFailed => "some_failed", _ => "failed" };
            Reports.WriteJson(
                new GenerateReport(
                    ended.Id, run.RunId, host.Blobs.Place, run.Manifest, status, made, skipped, run.Failed, run.Rejected, run.NotKept, run.Reasons, run.Cut, flags, Math.Round(elapsed.TotalSeconds, 3)),
                Reports.Json.GenerateReport);
        }

        return exitCode;
    }

    // What the rows say and nothing was made of: counted, and one sentence.
    private static Dictionary<string, long> Unused(PromptFile prompts)
    {
        foreach (var note in prompts.Notes)
            Console.Error.WriteLine($"sana: {note}");
        var (rows, names) = (0L, new HashSet<string>(StringComparer.Ordinal));
        foreach (var row in prompts.Rows().Where(row => row.Unknown.Count > 0))
        {
            rows++;
            if (names.Count < MostNamed)
                names.UnionWith(row.Unknown);
        }

        if (rows == 0)
            return [];
        Console.Error.WriteLine($"sana: {rows} {(rows == 1 ? "row has" : "rows have")} something that means nothing here and had no effect (unknown_field): {string.Join(", ", names.Take(MostNamed))}. --strict leaves such rows out.");
        return new() { [PromptRow.UnknownField] = rows };
    }
}

/// <summary>What is to be drawn: the options of <c>sana generate</c> beside those of the host.</summary>
internal sealed class GenerateArguments
{
    private readonly Option<string[]> _prompt = new("--prompt", "-p") { Description = "What to draw, at most 100,000 characters. May be given many times.", HelpName = "text" };
    private readonly Option<string?> _prompts = new("--prompts")
    {
        Description = "List of prompts: .txt with one a line; .jsonl, .json, .csv, .tsv or Parquet with a field prompt, caption or text, and negative_prompt, id, seed or seeds, images, width, height, steps, guidance_scale, lora; "
            + "each also as .gz; a folder of .txt files; the folder of a curated dataset; - for the standard input.",
        HelpName = "list",
    };

    private readonly Option<string?> _promptField = new("--prompt-field") { Description = "The field or column of --prompts that is the prompt. Default: prompt, caption, text … whichever is there.", HelpName = "name" };
    private readonly Option<bool> _strict = new("--strict") { Description = "Leave rows of --prompts out that have a field which means nothing here (bad_row). Default: they are drawn and counted." };
    private readonly Option<string?> _size = new("--size") { Description = "Width and height together, such as 1024x1024, instead of --width and --height.", HelpName = "WxH" };
    private readonly Option<int?> _width = CommonOptions.Number<int>("--width", "Pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size.");
    private readonly Option<int?> _height = CommonOptions.Number<int>("--height", "Pixels, a multiple of 32, 32…8192. Default: the checkpoint's native size.");
    private readonly Option<int?> _steps = CommonOptions.Number<int>("--steps", "Model evaluations per image, 1…1000. Default: 20, or 2 for Sprint checkpoints.");
    private readonly Option<float?> _guidance = CommonOptions.Number<float>("--guidance", "Guidance scale, 0…100; 1 or less runs the prompt alone. Default: 4.5.");
    private readonly Option<string?> _negative = new("--negative") { Description = "What the image should not show, at most 100,000 characters. Default: empty.", HelpName = "text" };
    private readonly Option<string[]> _lora = new("--lora")
    {
        Description = "Adapter (LoRA) to draw with: a .safetensors file, a folder that holds one, owner/name[@revision] of the Hugging Face Hub, or a name of loras in sana.json; with :weight for another weight than 1, -100…100. May be given many times.",
        HelpName = "place",
    };

    private readonly Option<float?> _pag = CommonOptions.Number<float>("--pag", "Perturbed-attention guidance: how far to lead the image away from that without self-attention in some blocks, 0…100; costs half as much again. Default: 0, off.");
    private readonly Option<string?> _pagLayers = new("--pag-layers") { Description = "Blocks that --pag perturbs, from 0, with commas between. Default: 8 of 20 blocks, else the one in the middle.", HelpName = "list" };
    private readonly Option<float?> _pagAdaptive = CommonOptions.Number<float>("--pag-adaptive", "What --pag loses for each unit of time passed, of 1000, 0…100; at 0.002 a scale of 2 is 0 at the end. Default: 0.");
    private readonly Option<string?> _image = new("--image")
    {
        Description = "Picture that the images begin from: JPEG, PNG, WebP, GIF, TIFF or AVIF, at most 50 MB and 67 megapixels. It is stretched to the size of the images, whose default is then a size near its own.",
        HelpName = "file",
    };

    private readonly Option<string?> _mask = new("--mask")
    {
        Description = "Where --image may be painted over, of the same size: what is fully transparent; in a picture without transparency what is white. Everything else stays as it is. Default: everywhere.",
        HelpName = "file",
    };

    private readonly Option<double?> _strength = CommonOptions.Number<double>("--strength", "How much of --image is made anew, above 0 and up to 1: little leaves much of it, 1 nothing but what --mask keeps. Default: 0.6; 1 with --mask.");
    private readonly Option<ulong?> _seed = CommonOptions.Number("--seed", "0…18446744073709551615; the same seed makes the same image, and further images of a prompt have the seeds after it. Default: 0.", ulong.MinValue, ulong.MaxValue);
    private readonly Option<int?> _images = CommonOptions.Number("--images", "Images for each prompt, 1…10000. Default: 1.", 1, 10_000);
    private readonly Option<int?> _batch = CommonOptions.Number("--batch", "Images rendered together, 1…64; more takes more memory. Default: 1.", 1, 64);
    private readonly Option<string?> _solver = new("--solver") { Description = "flow-dpm, flow-euler or scm. Default: what the checkpoint is made for." };
    private readonly Option<string?> _format = new("--format") { Description = "png, jpeg or webp. Default: png, the only exact one." };
    private readonly Option<int?> _quality = CommonOptions.Number("--quality", "Of jpeg and webp, 1…100. Default: 90.", 1, 100);
    private readonly Option<bool> _noInstruction = new("--no-instruction") { Description = "Leave out the checkpoint's instruction before the prompt. Default: off." };
    private readonly Option<bool> _noBinning = new("--no-binning") { Description = "Render at the size itself and not at the nearest trained one. Default: off." };
    private readonly Option<string?> _longPrompts = CommonOptions.LongPrompts();
    private readonly Option<string?> _run = new("--run") { Description = "Name of the run, a-z, 0-9 and hyphens, 1…64 characters. Default: derived from everything that decides its images." };

    public GenerateArguments()
    {
        _solver.AcceptOnlyFromAmong("flow-dpm", "flow-euler", "scm");
    }

    public IEnumerable<Option> All =>
    [
        _prompt, _prompts, _promptField, _strict, _size, _width, _height, _steps, _guidance, _negative, _lora, _pag, _pagLayers, _pagAdaptive, _image, _mask, _strength, _seed, _images, _batch, _solver, _format, _quality, _noInstruction, _noBinning, _longPrompts, _run,
    ];

    /// <summary>The adapters as they are given.</summary>
    public string[] Loras(ParseResult parsed) => parsed.GetValue(_lora) ?? [];

    /// <summary>The picture that the images begin from; null for none.</summary>
    /// <exception cref="WrongUseException">A file cannot be read, or is missing.</exception>
    /// <exception cref="Inference.InferenceException">A file is no picture, or they do not fit.</exception>
    public StartFiles? StartImage(ParseResult parsed)
    {
        var (image, mask, strength) = (parsed.GetValue(_image), parsed.GetValue(_mask), parsed.GetValue(_strength));
        if (image is not null)
            return StartImages.Open(Picture("--image", image), mask is null ? null : Picture("--mask", mask), strength);
        return mask is null && strength is null ? null : throw new WrongUseException("--mask and --strength say what becomes of --image; give that picture too.");
    }

    /// <exception cref="WrongUseException">The prompts are missing or bad.</exception>
    public GenerateJob Job(ParseResult parsed, Device device, AdapterUses? adapters, StartImage? start) => new()
    {
        Prompts = Prompts(Typed(parsed.GetValue(_prompt) ?? []), parsed.GetValue(_prompts), new PromptListOptions(parsed.GetValue(_promptField), parsed.GetValue(_strict))),
        Options = new GenerateOptions
        {
            Width = parsed.GetValue(_width) ?? Size(parsed)?.Width,
            Height = parsed.GetValue(_height) ?? Size(parsed)?.Height,
            Steps = parsed.GetValue(_steps),
            Guidance = parsed.GetValue(_guidance) ?? new GenerateOptions().Guidance,
            NegativePrompt = Typed(parsed.GetValue(_negative) ?? "")[0],
            Solver = parsed.GetValue(_solver) switch
            {
                "flow-dpm" => SolverKind.FlowDpm,
                "flow-euler" => SolverKind.FlowEuler,
                "scm" => SolverKind.Scm,
                _ => null,
            },
            UseInstruction = !parsed.GetValue(_noInstruction),
            UseResolutionBinning = !parsed.GetValue(_noBinning),
            RefuseLongPrompts = parsed.GetValue(_longPrompts) == "refuse",
            Adapters = adapters,
            Pag = Pag(parsed),
            StartImage = start,
        },
        Seed = parsed.GetValue(_seed) ?? 0,
        Images = parsed.GetValue(_images) ?? 1,
        BatchSize = parsed.GetValue(_batch) ?? 1,
        Format = Format(parsed.GetValue(_format) ?? "png"),
        Quality = parsed.GetValue(_quality) ?? 90,
        Device = device.ToString(),
        Run = parsed.GetValue(_run),
    };

    private static ImageFormat Format(string name) => name.ToLowerInvariant() switch
    {
        "png" => ImageFormat.Png,
        "jpeg" or "jpg" => ImageFormat.Jpeg,
        "webp" => ImageFormat.Webp,
        _ => throw new WrongUseException($"'{name}' is not a format; use png, jpeg or webp."),
    };

    private static byte[] Picture(string option, string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
            if (file.Length > StartImages.MostBytes)
                throw new WrongUseException($"{option} {path} has {file.Length} bytes; the limit is {StartImages.MostBytes}.");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new WrongUseException($"{option} '{path}' cannot be read: {error.Message}", error);
        }
    }

    private PerturbedAttention? Pag(ParseResult parsed)
    {
        var (scale, layers, adaptive) = (parsed.GetValue(_pag), parsed.GetValue(_pagLayers), parsed.GetValue(_pagAdaptive));
        if (scale is null)
            return layers is null && adaptive is null ? null : throw new WrongUseException("--pag-layers and --pag-adaptive say how --pag works; give its scale, such as --pag 2.");
        return new PerturbedAttention(scale.Value, adaptive ?? 0)
        {
            Layers = layers is null
                ? []
                : Array.ConvertAll(layers.Split(','), word => int.TryParse(word, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var layer)
                    ? layer
                    : throw new WrongUseException($"--pag-layers '{layers}' is not a list of blocks such as 8 or 7,8,9.")),
        };
    }

    private (int Width, int Height)? Size(ParseResult parsed)
    {
        if (parsed.GetValue(_size) is not { } size)
            return null;
        if (parsed.GetValue(_width) is not null || parsed.GetValue(_height) is not null)
            throw new WrongUseException("Give either --size or --width and --height.");
        var sides = size.Split('x', 'X', '×');
        return sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out var width) && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out var height)
            ? (width, height)
            : throw new WrongUseException($"'{size}' is not a size such as 1024x1024.");
    }

    // Bytes that are no UTF-8 reach a program as this letter; a prompt that has it by itself is told apart by the bytes.
    private static string[] Typed(params string[] texts) =>
        texts.Any(text => text.Contains('\uFFFD', StringComparison.Ordinal)) && !Utf8.IsValid(File.ReadAllBytes("/proc/self/cmdline"))
            ? throw new WrongUseException("The prompt is not UTF-8; set the terminal to UTF-8, or give the prompt in a file.")
            : texts;

    private static PromptFile Prompts(string[] texts, string? file, PromptListOptions list)
    {
        if (texts.Length > 0 == file is not null)
        {
            throw new WrongUseException("Give either --prompt or --prompts.");
        }

        if (file is not null)
        {
            return PromptFile.Open(file, list);
        }

        if (list != new PromptListOptions())
            throw new WrongUseException("--prompt-field and --strict are about the rows of --prompts.");
        // A bad row of a file is an outcome among others; a bad prompt that was just typed is a mistake to say at once.
        var prompts = PromptFile.Of(texts);
        return prompts.Rows().FirstOrDefault(row => row.Rejection is not null)?.Rejection is { } rejection
            ? throw new WrongUseException(rejection.Message)
            : prompts;
    }
}
