using System.CommandLine;
using System.Globalization;
using System.Text.Unicode;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Jobs.Generation;

namespace Sana.Local.Commands;

/// <summary>What is to be drawn: the options of <c>sana generate</c> beside those of the host.</summary>
internal sealed class GenerateArguments
{
    private readonly Option<string[]> _prompt = new("--prompt", "-p") { Description = "What to draw, at most 100,000 characters. May be given many times.", HelpName = "text" };
    private readonly Option<string?> _prompts = new("--prompts")
    {
        Description = "List of prompts: .txt with one a line; .jsonl, .json, .csv, .tsv or Parquet with a field prompt, caption or text, and negative_prompt, id, seed or seeds, images, width, height, steps, guidance_scale, lora, in .jsonl also image, mask (files, from the list's folder) and strength; "
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
    private readonly Option<string[]> _lora = CommonOptions.Loras(", or a name of loras in sana.json");
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
    private readonly Option<string?> _control = new("--control")
    {
        Description = "Control network, which has the images follow --control-image: its folder, owner/name[@revision] of the Hugging Face Hub, or a name of controls in sana.json; with :scale for another strength of its effect than 1, 0…100.",
        HelpName = "place",
    };

    private readonly Option<string[]> _controlImage = new("--control-image")
    {
        Description = "Picture that --control reads, such as the edges of another one; what can be read as in --image. It is stretched to the size of the images, whose default is then a size near its own. May be given many times: each prompt is drawn along each.",
        HelpName = "file",
    };

    private readonly Option<ulong?> _seed = CommonOptions.Number("--seed", "0…18446744073709551615; the same seed makes the same image, and further images of a prompt have the seeds after it. Default: 0.", ulong.MinValue, ulong.MaxValue);
    private readonly Option<int?> _images = CommonOptions.Number("--images", "Images for each prompt, 1…10000. Default: 1.", 1, 10_000);
    private readonly Option<int?> _batch = CommonOptions.Number("--batch", "Images rendered together, 1…64; more takes more memory. Default: 1.", 1, 64);
    private readonly Option<string?> _solver = new("--solver") { Description = "flow-dpm, flow-euler or scm. Default: what the checkpoint is made for." };
    private readonly Option<string?> _format = new("--format") { Description = "png, jpeg or webp. Default: png, the only exact one." };
    private readonly Option<int?> _quality = CommonOptions.Number("--quality", "Of jpeg and webp, 1…100. Default: 90.", 1, 100);
    private readonly Option<bool> _noInstruction = new("--no-instruction") { Description = "Leave out the checkpoint's instruction before the prompt. Default: off." };
    private readonly Option<bool> _noBinning = new("--no-binning") { Description = "Render at the size itself and not at the nearest trained one. Default: off." };
    private readonly Option<bool> _enhance = new("--enhance") { Description = "Let the checkpoint's text encoder write a more detailed prompt of each, of at most 77 words, and make the images from that; both are in the record. Default: off." };
    private readonly Option<string?> _longPrompts = CommonOptions.LongPrompts();
    private readonly Option<string?> _run = new("--run") { Description = "Name of the run, a-z, 0-9 and hyphens, 1…64 characters. Default: derived from everything that decides its images." };

    public GenerateArguments()
    {
        _solver.AcceptOnlyFromAmong("flow-dpm", "flow-euler", "scm");
    }

    public IEnumerable<Option> All =>
    [
        _prompt, _prompts, _promptField, _strict, _size, _width, _height, _steps, _guidance, _negative, _lora, _pag, _pagLayers, _pagAdaptive, _image, _mask, _strength, _control, _controlImage, _seed, _images, _batch, _solver, _format, _quality, _noInstruction, _noBinning, _enhance, _longPrompts, _run,
    ];

    /// <summary>The adapters as they are given.</summary>
    public string[] Loras(ParseResult parsed) => parsed.GetValue(_lora) ?? [];

    /// <summary>What paths in rows of the list count from.</summary>
    public string FolderOfPrompts(ParseResult parsed) => File.Exists(parsed.GetValue(_prompts)) ? Path.GetDirectoryName(Path.GetFullPath(parsed.GetValue(_prompts)!))! : Environment.CurrentDirectory;

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

    /// <summary>The control network as it is given; null for none.</summary>
    public string? Control(ParseResult parsed) => parsed.GetValue(_control);

    /// <summary>The pictures that the control network reads; none without one.</summary>
    /// <exception cref="WrongUseException">A file cannot be read or is given twice, or the network or its pictures are missing.</exception>
    /// <exception cref="Inference.InferenceException">A file is no picture.</exception>
    public IReadOnlyList<ControlFile> ControlImages(ParseResult parsed)
    {
        var paths = parsed.GetValue(_controlImage) ?? [];
        if (paths.Length > 0 != Control(parsed) is not null)
            throw new WrongUseException(paths.Length > 0 ? "--control-image is what --control reads; give that network too." : "--control reads --control-image; give that picture too.");
        ControlFile[] files = [.. paths.Select(path => StartImages.OpenControl(Picture("--control-image", path)))];
        return files.GroupBy(file => file.Image.Sha256).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new WrongUseException($"--control-image is given {twice.Count()} times with the same picture; name it once, and ask for several images with --images.")
            : [.. files.Select(file => file with { Image = file.Image with { Pixels = null } })];
    }

    /// <exception cref="WrongUseException">The prompts are missing or bad.</exception>
    public GenerateJob Job(ParseResult parsed, Device device, AdapterUses? adapters, StartImage? start, ControlUse? control) => new()
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
            EnhancePrompt = parsed.GetValue(_enhance),
            RefuseLongPrompts = parsed.GetValue(_longPrompts) == "refuse",
            Adapters = adapters,
            Pag = Pag(parsed),
            StartImage = start,
            Control = control,
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
