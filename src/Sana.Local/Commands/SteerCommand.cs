using System.CommandLine;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana suspend</c>, <c>sana cancel</c> and <c>sana retry</c>: a request to the process that runs the instance, or carried out here when none does.</summary>
internal sealed class SteerCommand : Command
{
    private readonly string _verb;
    private readonly Argument<string> _id = CommonOptions.Instance();
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _reason;
    private readonly Option<string?> _journal = CommonOptions.Journal("Default: as the last time, or sqlite.");
    private readonly Option<bool> _json = CommonOptions.Json();

    private SteerCommand(string verb, string description, string reason, bool reasonRequired)
        : base(verb, description)
    {
        _verb = verb;
        _reason = new Option<string?>("--reason") { Description = reason, Required = reasonRequired };
        Add(_id);
        Add(_data);
        Add(_journal);
        if (reason.Length > 0)
            Add(_reason);
        Add(_json);
        SetAction(Run);
    }

    public static SteerCommand Suspend() => new("suspend", "Hold an instance: what runs ends, nothing new begins until sana resume.", "", reasonRequired: false);

    public static SteerCommand Cancel() => new("cancel", "Ask an instance to stop. What it made stays.", "Why, for its record. Default: sana cancel.", reasonRequired: false);

    public static SteerCommand Retry() => new(
        "retry",
        "Do again what failed in a finished run; sana resume follows it.",
        "Reason codes with commas between, such as nan,oom,timeout or captioner_timeout,budget: only what failed for these is done again.",
        reasonRequired: true);

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (id, reason) = (parsed.GetRequiredValue(_id), parsed.GetValue(_reason));
        string[] reasons = _verb == "retry" ? reason!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : reason is null ? [] : [reason];
        var done = await ControlInbox.Send(parsed.GetRequiredValue(_data), parsed.GetValue(_journal), new ControlRequest(_verb, id, reasons), cancellationToken);
        if (parsed.GetValue(_json))
            Reports.WriteJson(new SteerReport(id, _verb, done), Reports.Json.SteerReport);
        else if (done)
            Console.WriteLine($"{id}: {_verb} is under way.");
        if (!done)
            Console.Error.WriteLine($"sana: There is nothing to {_verb}: {id} is not there or not in a state for it; see sana status.");
        return done ? ExitCode.Done : ExitCode.Failed;
    }
}
