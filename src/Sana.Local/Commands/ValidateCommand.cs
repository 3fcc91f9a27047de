using System.CommandLine;
using Sana.Curation.Shards.Validation;
using Sana.Jobs.Curation;
using Sana.Storage;

namespace Sana.Local.Commands;

/// <summary><c>sana validate</c>: what Sana's loader would silently ignore in a folder of shards.</summary>
internal sealed class ValidateCommand : Command
{
    private readonly Argument<string> _place = new("shards") { Description = "Folder that holds the tars; azurite:container/prefix; a container's https address with the prefix; s3://bucket/prefix; gs://bucket/prefix." };
    private readonly Option<string[]?> _captions = new("--caption-suffix") { Description = "As in external_caption_suffixes; may be given many times. Default: those that are there.", HelpName = "suffix" };
    private readonly Option<string[]?> _scores = new("--score-suffix") { Description = "As in external_clipscore_suffixes; may be given many times. Default: those that are there.", HelpName = "suffix" };
    private readonly Option<bool> _json = CommonOptions.Json();

    public ValidateCommand()
        : base("validate", "Read shards by the rules of Sana's loaders, ours or anybody's, and say what they would refuse, ignore or replace.")
    {
        Add(_place);
        Add(_captions);
        Add(_scores);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var report = await DatasetValidation.Run(parsed.GetRequiredValue(_place), Given(parsed.GetValue(_captions)), Given(parsed.GetValue(_scores)), cancellationToken);
        if (parsed.GetValue(_json))
            Reports.WriteJson(report, Reports.Json.LoaderReport);
        else
            Print(report);
        return report.Loads ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Print(LoaderReport report)
    {
        Console.WriteLine($"{Counted.Of(report.Samples, "sample")} in {Counted.Of(report.Shards, "shard")}; captions by label: {string.Join(", ", report.Labels.Select(label => $"{label.Key} {label.Value}"))}.");
        foreach (var finding in report.Findings)
        {
            var where = string.Join(' ', new[] { finding.Shard, finding.Key }.OfType<string>());
            Console.WriteLine($"{finding.Severity.ToString().ToLowerInvariant()} {finding.Code}{(where.Length > 0 ? $" in {where}" : "")}{(finding.Count > 1 ? $" and {finding.Count - 1} more" : "")}: {finding.Message}");
        }

        if (report.Findings.Count == 0)
            Console.WriteLine("Nothing is ignored.");
    }

    private static string[]? Given(string[]? suffixes) => suffixes is { Length: > 0 } ? suffixes : null;
}
