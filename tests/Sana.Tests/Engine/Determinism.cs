using Microsoft.Extensions.Logging.Abstractions;
using Sana.Local.Engine;
using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Tests.Engine;

/// <summary>The workflows of every scenario, replayed over what the engine recorded of them.</summary>
public class Determinism
{
    public static TheoryData<string> Names => ScenarioTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Any_prefix_of_a_history_replays_to_the_same_wishes(string scenario)
    {
        await using var host = new SqliteHost();
        await Scenarios.All.Single(each => each.Name == scenario).Play(host);
        await host.Close();

        Check(host.Path, host.Registry());
    }

    /// <summary>Replays every prefix of every history in a journal, twice.</summary>
    internal static void Check(string journal, WorkflowRegistry registry)
    {
        foreach (var recorded in Histories(journal))
        {
            var (first, second) = (Begin(registry, recorded), Begin(registry, recorded));
            var open = new SortedDictionary<int, string>();
            Follow(open, first.Advance([]), null);
            Assert.Equal(open, Wishes(Begin(registry, recorded).Advance([])));
            second.Advance([]);
            for (var count = 1; count <= recorded.History.Count; count++)
            {
                var row = recorded.History[count - 1];
                var (turn, again) = (first.Advance([row]), second.Advance([row]));
                Assert.Equal(Wishes(turn), Wishes(again));
                Assert.Equal(turn.Outcome?.ToString(), again.Outcome?.ToString());
                Assert.NotEqual(Ending.Refused, turn.Outcome?.How);
                if (turn.Outcome is not null)
                    break;

                Follow(open, turn, row);
                if (recorded.History.Count <= 200 || count == 200)
                    Assert.Equal(open, Wishes(Begin(registry, recorded).Advance(recorded.History[..count])));
            }
        }
    }

    private static IEnumerable<Recorded> Histories(string path)
    {
        using var journal = new Journal(JournalSchema.Open(path, write: true, survivePowerLoss: false));
        foreach (var status in Enum.GetValues<WorkflowStatus>())
        {
            foreach (var key in journal.InStatus(status).Take(50))
                yield return journal.Load(key)!;
        }
    }

    private static Execution Begin(WorkflowRegistry registry, Recorded recorded) =>
        new(recorded, registry.FindWorkflow(recorded.Workflow)!, NullLogger.Instance);

    /// <summary>Keeps what was asked for and has not ended.</summary>
    private static void Follow(SortedDictionary<int, string> open, Turn turn, HistoryRow? row)
    {
        if (row is not null)
            open.Remove(row.Call);
        foreach (var call in turn.Dropped)
            open.Remove(call.Number);
        foreach (var (number, wish) in Wishes(turn))
            open.Add(number, wish);
    }

    private static SortedDictionary<int, string> Wishes(Turn turn) =>
        new(turn.Calls.ToDictionary(call => call.Number, call => $"{call.Kind} {call.Name} {call.Hash:x} {call.Input} {call.ChildId} {call.Due:O}"));
}
