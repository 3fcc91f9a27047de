using System.CommandLine;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;
using Sana.Storage;
using Sana.Storage.Hub;

namespace Sana.Local.Commands;

/// <summary><c>sana push</c>: a finished dataset to a dataset repository of the Hub.</summary>
internal sealed class PushCommand : Command
{
    private readonly Argument<string> _dataset = CommonOptions.FinishedDataset();

    private readonly Argument<string> _target = new("repository") { Description = "hf:owner/name or hf:datasets/owner/name, with @branch for another branch than main. Both are made if they are missing." };
    private readonly Option<bool> _private = new("--private") { Description = "Only those who may shall see the repository, if it is made; a public one that is there is refused. Default: as the owner's account makes them." };
    private readonly Option<string?> _message = new("--message") { Description = "Title of the commit, 1…200 characters. Default: the dataset's name and version.", HelpName = "text" };
    private readonly Option<string?> _version = CommonOptions.DatasetVersion();
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _blobs = CommonOptions.DatasetPlace();

    private readonly Option<bool> _json = CommonOptions.Json();

    public PushCommand()
        : base("push", "Send a finished dataset to a dataset repository of the Hugging Face Hub: shards, index and card, in one commit. Killed or stopped, the same command goes on; what has arrived is not sent again.")
    {
        Add(_dataset);
        Add(_target);
        Option[] options = [_private, _message, _version, _data, _blobs, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        const int MostMessage = 200;
        var target = parsed.GetRequiredValue(_target);
        if (!HubId.TryParseTarget(target, out var id))
            throw new WrongUseException($"'{target}' is no dataset repository of the Hugging Face Hub that can be written to; give hf:owner/name, or hf:owner/name@branch.");
        if (parsed.GetValue(_message) is { } message && (string.IsNullOrWhiteSpace(message) || message.Length > MostMessage))
            throw new WrongUseException($"A commit's title of {message.Length} characters is not 1…{MostMessage}; give a shorter one, or leave --message out.");
        var made = await DatasetPush.Run(
            parsed.GetRequiredValue(_dataset), parsed.GetValue(_version), parsed.GetValue(_blobs) ?? HostFile.Place(parsed.GetRequiredValue(_data)), id, parsed.GetValue(_private),
            parsed.GetValue(_message), HubSettings.FromEnvironment(), new FetchLines("push"), cancellationToken);
        var push = made.Push;
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(
                new PushReport(made.Dataset, made.Version, push.Repository, push.Commit, push.Page.ToString(), push.Files, push.Sent, push.SentBytes, push.There, push.Removed, push.IsNew),
                Reports.Json.PushReport);
        }
        else
        {
            Console.WriteLine(Sentence(made));
        }

        return ExitCode.Done;
    }

    private static string Sentence(DatasetPushSummary made)
    {
        var push = made.Push;
        var removed = push.Removed == 0 ? "" : $"; {Counted.Of(push.Removed, "file")} of another version taken away";
        return !push.IsCommitted
            ? $"{made.Dataset} {made.Version}: nothing to send, its {Counted.Of(push.Files, "file")} are in {push.Repository} (commit {push.Commit})."
            : $"{made.Dataset} {made.Version} is in {push.Repository} (commit {push.Commit}): {Counted.Of(push.Sent, "file")} sent, {Counted.Bytes(push.SentBytes)}; {push.There} there already{removed}. {push.Page}";
    }
}
