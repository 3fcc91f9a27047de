using System.CommandLine;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana build</c>: graphs beside the weights.</summary>
internal sealed class BuildCommand : Command
{
    private readonly Argument<string> _checkpoint = CommonOptions.Checkpoint();
    private readonly Option<bool> _force = new("--force") { Description = "Build again even if the graphs are there. Default: off." };
    private readonly Option<string?> _variant = new("--variant")
    {
        Description = "Which weights, as in fp16, where a folder has several. Default: the plain ones, or the only ones.",
    };

    private readonly Option<string?> _clamp = new("--clamp")
    {
        Description = "Cut the self-attention output to the half-precision range: auto, on or off. Default: auto, decided from the checkpoint.",
    };

    private readonly Option<string?> _precision = CommonOptions.Precision("float32, whose graphs are always built");
    private readonly Option<bool> _ignoreUnused = new("--ignore-unused-tensors") { Description = "Leave tensors alone that the config has no use for. Default: off, they are refused." };
    private readonly Option<string?> _graphs = CommonOptions.Graphs();
    private readonly Option<bool> _json = CommonOptions.Json();

    public BuildCommand()
        : base("build", "Write the ONNX graphs of a checkpoint beside its weights, which stay where they are.")
    {
        _clamp.AcceptOnlyFromAmong("auto", "on", "off");
        Add(_checkpoint);
        Add(_force);
        Add(_variant);
        Add(_clamp);
        Add(_precision);
        Add(_ignoreUnused);
        Add(_graphs);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var place = parsed.GetRequiredValue(_checkpoint);
        var checkpoint = await CheckpointPlace.Folder(place, parsed.GetValue(_variant), new FetchLines(), cancellationToken);
        var options = new BuildOptions
        {
            Force = parsed.GetValue(_force),
            Variant = parsed.GetValue(_variant),
            Graphs = parsed.GetValue(_graphs),
            IgnoreUnusedTensors = parsed.GetValue(_ignoreUnused),
            Precision = parsed.GetValue(_precision) is { } precision and not "auto" ? NetworkLoader.GraphsOf(PrecisionName.Parse(precision)) : GraphPrecision.Float32,
            Clamp = Enum.Parse<Clamp>(parsed.GetValue(_clamp) ?? "auto", ignoreCase: true),
        };
        if (ControlCheckpoint.IsIn(checkpoint))
            throw new WrongUseException($"{place} is a control network, whose graphs depend on the checkpoint that it is used with: they are built when sana generate --control, or controls in sana.json, first names it.");
        var report = CaptionerCheckpoint.IsIn(checkpoint) ? CaptionerCheckpoint.Build(checkpoint, options)
            : JudgeCheckpoint.IsIn(checkpoint) ? JudgeCheckpoint.Build(checkpoint, options)
            : ClipCheckpoint.IsIn(checkpoint) ? ClipCheckpoint.Build(checkpoint, options)
            : SanaCheckpoint.Build(checkpoint, options);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(report, Reports.Json.BuildReport);
            return ExitCode.Done;
        }

        foreach (var graph in report.Graphs)
        {
            Console.WriteLine($"{graph.File,-40} {graph.Bytes,12:N0} bytes");
        }

        if (report.Folder != Path.GetFullPath(place))
            Console.WriteLine($"In {report.Folder}.");
        Console.WriteLine(report.Written ? $"Built {report.Graphs.Count} graphs." : "Nothing to do: the graphs belong to these weights. --force builds them again.");
        return ExitCode.Done;
    }
}
