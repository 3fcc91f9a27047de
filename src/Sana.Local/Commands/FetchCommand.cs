using System.CommandLine;
using Sana.Jobs.Networks;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana fetch</c>: a repository of the Hub into its cache.</summary>
internal sealed class FetchCommand : Command
{
    private readonly Argument<string> _id = new("id") { Description = "A model repository of the Hugging Face Hub: owner/name, or owner/name@revision." };
    private readonly Option<string?> _revision = new("--revision") { Description = "Branch, tag or commit. Default: what stands after the @, or main." };
    private readonly Option<string?> _variant = new("--variant") { Description = "Which weights, as in fp16, where a repository has several. Default: the plain ones, or else bf16 or fp16." };
    private readonly Option<bool> _json = CommonOptions.Json();

    public FetchCommand()
        : base("fetch", "Download a checkpoint of the Hugging Face Hub into the cache that Python shares, and print its folder. Killed or stopped, the same command goes on where it was.")
    {
        Add(_id);
        Add(_revision);
        Add(_variant);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var id = parsed.GetRequiredValue(_id);
        if (parsed.GetValue(_revision) is { } revision)
        {
            if (id.Contains('@', StringComparison.Ordinal))
                throw new WrongUseException($"'{id}' names a revision and --revision is '{revision}'; give one of them.");
            id = $"{id}@{revision}";
        }

        if (CheckpointPlace.Fault(id) is { } fault)
            throw new WrongUseException(fault);
        var folder = Path.GetFullPath(await CheckpointPlace.Folder(id, parsed.GetValue(_variant), new FetchLines(), cancellationToken));
        if (parsed.GetValue(_json))
            Reports.WriteJson(new FetchReport(folder), Reports.Json.FetchReport);
        else
            Console.WriteLine(folder);
        return ExitCode.Done;
    }
}
