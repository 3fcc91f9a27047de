using System.CommandLine;
using System.Globalization;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Adapters;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana info</c>: what a checkpoint is and what it needs.</summary>
internal sealed class InfoCommand : Command
{
    private const int MaxSide = 8192;
    private const int MostLabels = 20;
    private const double Mebi = 1024 * 1024;

    private readonly Argument<string> _checkpoint = CommonOptions.CheckpointOrLora();
    private readonly Option<string?> _control = new("--control") { Description = "Control network to plan memory for beside a checkpoint of Sana: its folder, or owner/name[@revision] of the Hugging Face Hub. Default: none.", HelpName = "place" };
    private readonly Option<int?> _width = CommonOptions.Number("--width", "Width to plan memory for, 32…8192 pixels. Default: the checkpoint's native size.", 32, MaxSide);
    private readonly Option<int?> _height = CommonOptions.Number("--height", "Height to plan memory for, 32…8192 pixels. Default: the checkpoint's native size.", 32, MaxSide);
    private readonly Option<string?> _precision = CommonOptions.Precision("float32");
    private readonly Option<bool> _json = CommonOptions.Json();

    public InfoCommand()
        : base("info", "Say what is in a checkpoint and how much memory an image will need; or what an adapter (LoRA) or a control network is and which checkpoints it fits.")
    {
        Add(_checkpoint);
        Add(_control);
        Add(_width);
        Add(_height);
        Add(_precision);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var place = parsed.GetRequiredValue(_checkpoint);
        if (LoraFile.IsIn(place))
            return Describe(LoraFile.Open(place), parsed.GetValue(_json));
        if (ControlCheckpoint.IsIn(place))
            return Describe(ControlCheckpoint.Describe(place), parsed);

        string folder;
        try
        {
            folder = await CheckpointPlace.Folder(place, variant: null, new FetchLines(), cancellationToken);
        }
        catch (CheckpointException) when (CheckpointPlace.IsRepository(place))
        {
            return await ControlFolder(place, cancellationToken) is { } network
                ? Describe(ControlCheckpoint.Describe(network), parsed)
                : Describe(await LoraPlace.Open(place, new FetchLines(), cancellationToken), parsed.GetValue(_json));
        }

        if (ControlCheckpoint.IsIn(folder))
            return Describe(ControlCheckpoint.Describe(folder), parsed);

        if (CaptionerCheckpoint.IsIn(folder))
        {
            return Describe(CaptionerCheckpoint.Describe(folder), parsed.GetValue(_json));
        }

        if (JudgeCheckpoint.IsIn(folder))
        {
            return Describe(JudgeCheckpoint.Describe(folder), parsed.GetValue(_json));
        }

        if (ClipCheckpoint.IsIn(folder))
        {
            return Describe(ClipCheckpoint.Describe(folder), parsed.GetValue(_json));
        }

        var checkpoint = SanaCheckpoint.Describe(folder);
        var control = parsed.GetValue(_control) is { } beside ? ControlCheckpoint.Describe(await ControlPlace.Folder(Known(beside), new FetchLines(), cancellationToken)) : null;
        var memory = Plan(checkpoint, control, PrecisionOf(parsed), parsed.GetValue(_width) ?? checkpoint.NativePixels, parsed.GetValue(_height) ?? checkpoint.NativePixels);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(new InfoReport(checkpoint, memory), Reports.Json.InfoReport);
            return ExitCode.Done;
        }

        Write(checkpoint, memory);
        return ExitCode.Done;
    }

    // Null where the repository holds none.
    private static async Task<string?> ControlFolder(string place, CancellationToken cancellationToken)
    {
        try
        {
            return await ControlPlace.Folder(place, new FetchLines(), cancellationToken);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static string Known(string place) => ControlPlace.Fault(place) is { } fault ? throw new WrongUseException(fault) : place;

    private Precision PrecisionOf(ParseResult parsed) => parsed.GetValue(_precision) is { } named and not "auto" ? PrecisionName.Parse(named) : Precision.Float32;

    private int Describe(ControlSummary control, ParseResult parsed)
    {
        var (width, height) = (parsed.GetValue(_width) ?? 1024, parsed.GetValue(_height) ?? 1024);
        var memory = control.MemoryFor(width, height, NetworkLoader.GraphsOf(PrecisionOf(parsed)));
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(new ControlInfoReport(control, new MemoryReport(width, height, PrecisionOf(parsed).Word(), memory.Weights + memory.Activations, [memory])), Reports.Json.ControlInfoReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{control.Name}: control network of Sana, {control.Blocks} blocks of {control.Width}");
        Console.WriteLine($"fingerprint {control.Fingerprint}");
        Console.WriteLine($"{control.Network.Name,-14} {control.Network.Parameters,16:N0} parameters {control.Network.Bytes / Mebi,10:N1} MiB {control.Network.StoredAs} in {string.Join(", ", control.Network.Files)}");
        Console.WriteLine($"{"fits",-14} {(control.Fits.Count == 0 ? "none of the published checkpoints, by its widths" : string.Join(", ", control.Fits))}");
        Console.WriteLine($"memory beside the checkpoint's, for {width}×{height} pixels in {PrecisionOf(parsed).Word()}:");
        Write(memory);
        return ExitCode.Done;
    }

    private static int Describe(LoraFile lora, bool json)
    {
        var report = LoraInfoReport.Of(lora);
        if (json)
        {
            Reports.WriteJson(report, Reports.Json.LoraInfoReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{Path.GetFileName(report.Path)}: LoRA in the names of {report.Format}, {report.Layers.Count} layers of {report.Blocks} blocks");
        Console.WriteLine($"sha256 {report.Sha256}");
        Console.WriteLine($"{"weights",-14} {report.Parameters,16:N0} parameters {report.Bytes / Mebi,10:N1} MiB {report.StoredAs}");
        Console.WriteLine($"{"ranks",-14} {string.Join(", ", report.Ranks)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"scales",-14} {string.Join(", ", report.Scales.Select(scale => scale.ToString("0.####", CultureInfo.InvariantCulture)))} ({report.ScaleFrom})"));
        Console.WriteLine($"{"layers",-14} {string.Join(", ", report.Kinds)}");
        Console.WriteLine($"{"fits",-14} {(report.Fits.Count == 0 ? "none of the published checkpoints, by its widths" : string.Join(", ", report.Fits))}");
        return ExitCode.Done;
    }

    private static int Describe(ClipSummary checkpoint, bool json)
    {
        if (json)
        {
            Reports.WriteJson(new ClipInfoReport(checkpoint), Reports.Json.ClipInfoReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{checkpoint.Name}: {checkpoint.Family}, {checkpoint.ImageSize} pixels, {checkpoint.ContextLength} tokens, embeddings of {checkpoint.ProjectionDim}, {checkpoint.HiddenAct}");
        Console.WriteLine($"fingerprint {checkpoint.Fingerprint}");
        if (checkpoint is { LogitScale: { } scale, LogitBias: { } bias })
        {
            var sigmoid = string.Create(CultureInfo.InvariantCulture, $"sigmoid({scale:0.###} × score / 100 {(bias < 0 ? '−' : '+')} {Math.Abs(bias):0.###})");
            var even = string.Create(CultureInfo.InvariantCulture, $"{-100 * bias / scale:0.00}");
            Console.WriteLine($"scores are 100 × cosine; probability {sigmoid}, one half at a score of {even}");
        }

        Write(checkpoint.Towers, checkpoint.Bytes, checkpoint.StoredAs, checkpoint.Files);
        return ExitCode.Done;
    }

    private static int Describe(JudgeSummary checkpoint, bool json)
    {
        if (json)
        {
            Reports.WriteJson(new JudgeInfoReport(checkpoint), Reports.Json.JudgeInfoReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{checkpoint.Name}: judge of {(checkpoint.ImageSize is { } side ? $"images, {checkpoint.Kind}, {side} pixels" : "prompts")}{(checkpoint.Labels.Count == 0 ? "" : $", labels {string.Join(", ", checkpoint.Labels.Take(MostLabels))}{(checkpoint.Labels.Count > MostLabels ? $" and {checkpoint.Labels.Count - MostLabels} more" : "")}")}");
        Console.WriteLine($"fingerprint {checkpoint.Fingerprint}");
        Write([checkpoint.Network], checkpoint.Bytes, checkpoint.StoredAs, checkpoint.Files);
        return ExitCode.Done;
    }

    private static int Describe(CaptionerSummary checkpoint, bool json)
    {
        if (json)
        {
            Reports.WriteJson(new CaptionerInfoReport(checkpoint), Reports.Json.CaptionerInfoReport);
            return ExitCode.Done;
        }

        var search = checkpoint.Beams == 1 ? "the likeliest token each time" : $"{checkpoint.Beams} beams";
        Console.WriteLine($"{checkpoint.Name}: captioner, {checkpoint.Family}, {checkpoint.ImageSize} pixels, captions of at most {checkpoint.MaxTokens} tokens out of {checkpoint.VocabSize}, {search}");
        if (checkpoint.Tasks.Count > 0)
            Console.WriteLine($"tasks {string.Join(", ", checkpoint.Tasks)}");
        Console.WriteLine($"fingerprint {checkpoint.Fingerprint}");
        Console.WriteLine(
            $"each image of a batch {checkpoint.ImageBytes / Mebi:N1} MiB while its caption is written, and {checkpoint.CaptionBytes / Mebi:N1} MiB at most for each of its beams");
        Write(checkpoint.Networks, checkpoint.Bytes, checkpoint.StoredAs, checkpoint.Files);
        return ExitCode.Done;
    }

    private static void Write(IReadOnlyList<TowerSummary> networks, long bytes, string storedAs, IReadOnlyList<string> files)
    {
        foreach (var network in networks)
        {
            var inEightBits = network.EightBitBytes is { } some ? $", {some / Mebi:N1} MiB in w8a8" : "";
            Console.WriteLine($"{network.Name,-14} {network.Parameters,16:N0} parameters {network.MemoryBytes / Mebi,10:N1} MiB while it is loaded{inEightBits}, {network.Layers} layers of {network.Width}");
        }

        if (networks.Count > 1 && networks.All(network => network.EightBitBytes is not null))
            Console.WriteLine($"memory of all {networks.Sum(network => network.MemoryBytes) / Mebi:N0} MiB in float32, {networks.Sum(network => network.EightBitBytes!.Value) / Mebi:N0} MiB in w8a8");

        Console.WriteLine($"{"weights",-14} {bytes / Mebi,16:N1} MiB {storedAs} in {string.Join(", ", files)}");
    }

    private static MemoryReport Plan(CheckpointSummary checkpoint, ControlSummary? control, Precision precision, int width, int height)
    {
        var stages = checkpoint.MemoryFor(width, height, new PipelineOptions().MaxUntiledPixels, NetworkLoader.GraphsOf(precision));
        if (control is not null)
            stages = [.. stages, control.MemoryFor(width, height, NetworkLoader.GraphsOf(precision))];
        return new MemoryReport(width, height, precision.Word(), stages.Sum(stage => stage.Weights) + stages.Max(stage => stage.Activations), stages);
    }

    private static void Write(CheckpointSummary checkpoint, MemoryReport memory)
    {
        Console.WriteLine($"{checkpoint.Name}: {checkpoint.Pipeline} with {checkpoint.Scheduler}, flow shift {checkpoint.FlowShift}, {checkpoint.NativePixels} pixels");
        Console.WriteLine($"fingerprint {checkpoint.Fingerprint}");
        Console.WriteLine($"self-attention {(checkpoint.Clamp ? "is" : "is not")} cut to the half-precision range: {checkpoint.ClampReason}");
        foreach (var network in checkpoint.Networks)
        {
            Console.WriteLine($"{network.Name,-14} {network.Parameters,16:N0} parameters {network.Bytes / Mebi,10:N1} MiB {network.StoredAs} in {string.Join(", ", network.Files)}");
        }

        Console.WriteLine($"memory for {memory.Width}×{memory.Height} pixels in {memory.Precision}: some {memory.PeakBytes / Mebi:N0} MiB at most");
        foreach (var stage in memory.Stages)
            Write(stage);
        Write(checkpoint.Enhancing);
    }

    private static void Write(StageMemory stage) => Console.WriteLine($"{stage.Stage,-14} {stage.Weights / Mebi,10:N1} MiB weights {stage.Activations / Mebi,10:N1} MiB while it runs");
}

/// <summary>Of <c>sana info</c> on an adapter.</summary>
/// <param name="Path">Of its file.</param>
/// <param name="Sha256">Of its file, lower-case hex.</param>
/// <param name="Bytes">Of its file.</param>
/// <param name="Format">Whose names it has.</param>
/// <param name="StoredAs">Element types.</param>
/// <param name="Parameters">Numbers in it.</param>
/// <param name="Ranks">Those that occur.</param>
/// <param name="Scales">Those that occur.</param>
/// <param name="ScaleFrom">Where the scales are from.</param>
/// <param name="Blocks">How many blocks it adapts.</param>
/// <param name="Kinds">Layers of a block, and those outside.</param>
/// <param name="Fits">Published transformers that have its layers in its widths.</param>
/// <param name="Layers">All of them.</param>
internal sealed record LoraInfoReport(
    string Path, string Sha256, long Bytes, string Format, string StoredAs, long Parameters, IReadOnlyList<int> Ranks, IReadOnlyList<double> Scales, string ScaleFrom, int Blocks,
    IReadOnlyList<string> Kinds, IReadOnlyList<string> Fits, IReadOnlyList<LoraLayer> Layers)
{
    private const string Block = "transformer_blocks.";

    public static LoraInfoReport Of(LoraFile lora)
    {
        var layers = lora.Layers;
        var inBlocks = layers.Where(layer => layer.Name.StartsWith(Block, StringComparison.Ordinal)).Select(layer => layer.Name.Split('.', 3)).ToArray();
        return new LoraInfoReport(
            lora.Path,
            lora.Sha256,
            lora.Bytes,
            lora.Format,
            lora.StoredAs,
            lora.Parameters,
            [.. layers.Select(layer => layer.Rank).Distinct().Order()],
            [.. layers.Select(layer => Math.Round(layer.Scale, 6)).Distinct().Order()],
            lora.ScaleFrom,
            inBlocks.Select(name => name[1]).Distinct().Count(),
            [.. inBlocks.Select(name => name[2]).Concat(layers.Select(layer => layer.Name).Where(name => !name.StartsWith(Block, StringComparison.Ordinal))).Distinct().Order(StringComparer.Ordinal)],
            lora.Fits,
            layers);
    }
}
