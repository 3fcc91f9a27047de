using System.CommandLine;
using System.Globalization;
using DurableTask.Sqlite;
using Sana.Storage;

namespace Sana.Local.Commands;

/// <summary><c>sana journal</c>: whether the journal of a data folder is whole, a copy of it, and what can be read of a damaged one.</summary>
internal sealed class JournalCommand : Command
{
    private readonly Argument<string> _what = new("what")
    {
        Description = "check: read the whole journal and say what is wrong with it. backup: copy it, also while it is in use. rescue: bring what can be read of a damaged one into a new file; no process may own it.",
    };

    private readonly Argument<string?> _file = new("file")
    {
        Description = "Of backup and rescue: the file to write, which must not exist. Default: journal-<time>.db or journal.rescued.db in the data folder.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<bool> _json = CommonOptions.Json();

    public JournalCommand()
        : base("journal", "Check the journal, copy it, or bring out of a damaged one what can be read.")
    {
        _what.AcceptOnlyFromAmong("check", "backup", "rescue");
        Add(_what);
        Add(_file);
        Add(_data);
        Add(_json);
        SetAction(Run);
    }

    private int Run(ParseResult parsed)
    {
        var data = Path.GetFullPath(parsed.GetRequiredValue(_data));
        var (journal, file, json) = (Path.Combine(data, "journal.db"), parsed.GetValue(_file), parsed.GetValue(_json));
        if (!File.Exists(journal))
            throw new WrongUseException($"There is no journal in {data}; give the --data folder of the server or run.");
        switch (parsed.GetRequiredValue(_what))
        {
            case "check" when file is not null:
                throw new WrongUseException($"check takes no file; '{file}' is one.");
            case "check":
                return Check(journal, json);
            case "backup":
                var copy = file ?? Path.Combine(data, string.Create(CultureInfo.InvariantCulture, $"journal-{DateTime.UtcNow:yyyyMMdd-HHmmss}.db"));
                JournalFile.Backup(journal, copy);
                Say(json, new JournalReport(journal, [], File: copy), $"{journal} was copied to {copy}.");
                return ExitCode.Done;
            default:
                return Rescue(journal, file ?? Path.Combine(data, "journal.rescued.db"), json);
        }
    }

    private static int Check(string journal, bool json)
    {
        var check = JournalFile.Check(journal);
        Say(
            json,
            new JournalReport(journal, check.Damages, check.Instances, check.Unfinished),
            check.Damages.Count == 0
                ? $"{journal} is whole: {Counted.Of(check.Instances ?? 0, "instance")}, {check.Unfinished} unfinished."
                : $"{journal} is damaged: put a backup back, or see sana journal rescue.\n{string.Join('\n', check.Damages)}");
        return check.Damages.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static int Rescue(string journal, string file, bool json)
    {
        var rescued = JournalFile.Rescue(journal, file);
        var lines = new List<string>
        {
            $"{file} holds {Counted.Of(rescued.Instances, "instance")}; {Counted.Of(rescued.Unfinished, "goes on", "go on")}.",
            $"{rescued.Failed.Count} could not go on and are failed{Names(rescued.Failed)}",
            $"{rescued.Lost.Count} could not be read{Names(rescued.Lost)}",
            $"To use it, move {journal} and {journal}-wal away, and {file} to {journal}.",
        };
        if (!rescued.IsListComplete)
            lines.Insert(3, "The lists are damaged too: there may be more of both, and an unfinished instance may wait for what is lost; cancel it and ask for it again.");
        Say(json, new JournalReport(journal, [], rescued.Instances, rescued.Unfinished, file, rescued.Failed, rescued.Lost, rescued.IsListComplete), string.Join('\n', lines));
        return ExitCode.Done;
    }

    private static string Names(IReadOnlyList<string> ids) => ids.Count == 0 ? "." : $": {string.Join(", ", ids)}.";

    private static void Say(bool json, JournalReport report, string text)
    {
        if (json)
            Reports.WriteJson(report, Reports.Json.JournalReport);
        else
            Console.WriteLine(text);
    }
}
