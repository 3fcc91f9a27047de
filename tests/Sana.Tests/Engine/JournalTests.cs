using Sana.Local.Engine;
using Sana.Tests.Support;
using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Tests.Engine;

/// <summary>What is written late, or twice, changes nothing.</summary>
public sealed class JournalTests : IDisposable
{
    private static readonly DateTime _now = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    private readonly TempFolder _folder = new();
    private readonly Journal _journal;
    private readonly long _instance;

    public JournalTests()
    {
        _journal = new Journal(JournalSchema.Open(_folder.File("journal.db"), write: true, survivePowerLoss: false));
        _instance = _journal.Start("i", "workflow", "0", _now, null)!.Value;
    }

    [Fact]
    public void The_next_run_gets_what_the_last_one_has_not_seen()
    {
        var seen = Write(RowKind.Event, "seen and taken");
        var kept = Write(RowKind.Event, "seen and kept");
        var step = Write(RowKind.Step, "step", call: 0);
        Write(RowKind.Event, "unseen");
        Write(RowKind.Cancel, "unseen cancel");

        Assert.True(_journal.ContinueAsNew(_instance, 1, "1", (step.Seq, [kept.Seq]), _now));

        Assert.Equal(["seen and kept", "unseen", "unseen cancel"], _journal.Load(_instance)!.History.Select(row => row.Name));
        Assert.DoesNotContain(_journal.Load(_instance)!.History, row => row.Seq == seen.Seq);
    }

    [Fact]
    public void A_step_of_an_earlier_run_is_dropped()
    {
        _journal.ContinueAsNew(_instance, 1, "1", (0, []), _now);

        var late = _journal.Append(_instance, 1, Row(RowKind.Step, "late", 0));
        _journal.Retry(_instance, 1, 0, 1, _now);

        Assert.Null(late);
        Assert.Empty(_journal.Load(_instance)!.Retries);
    }

    [Fact]
    public void What_has_ended_takes_nothing_more()
    {
        var first = _journal.End(_instance, 1, WorkflowStatus.Completed, "5", null, null, _now);

        var second = _journal.End(_instance, 1, WorkflowStatus.Failed, null, "e", "e", _now);

        Assert.NotNull(first);
        Assert.Null(second);
        Assert.Null(_journal.Append(_instance, null, Row(RowKind.Event, "late", HistoryRow.Outside)));
        Assert.False(_journal.ContinueAsNew(_instance, 1, "1", (0, []), _now));
        Assert.Equal(WorkflowStatus.Completed, _journal.Load(_instance)!.Status);
    }

    [Fact]
    public void A_childs_end_and_its_parents_row_are_one()
    {
        var child = _journal.Start("c", "child", "0", _now, new Caller(_instance, 1, 7, 99))!.Value;

        var ended = _journal.End(child, 1, WorkflowStatus.Completed, "5", null, null, _now);

        var row = Assert.Single(_journal.Load(_instance)!.History);
        Assert.Equal(row, ended!.ParentRow);
        Assert.Equal((RowKind.Workflow, 7, "child", 99L, "5", null), (row.Kind, row.Call, row.Name, row.Hash, row.Value, row.ErrorType));
    }

    [Fact]
    public void A_run_that_is_over_gets_no_child()
    {
        _journal.End(_instance, 1, WorkflowStatus.Terminated, null, "Terminated", "enough", _now);

        Assert.Null(_journal.Start("c", "child", "0", _now, new Caller(_instance, 1, 0, 0)));
    }

    public void Dispose()
    {
        _journal.Dispose();
        _folder.Dispose();
    }

    private HistoryRow Write(RowKind kind, string name, int call = HistoryRow.Outside) => _journal.Append(_instance, 1, Row(kind, name, call))!;

    private static HistoryRow Row(RowKind kind, string name, int call) => new(kind, call, name, 1, _now, 1, "0", null);
}
