using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Group commit.</summary>
public sealed class JournalWriterTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Journal _journal;
    private readonly JournalWriter _writer;
    private JournalException? _broke;

    public JournalWriterTests()
    {
        _journal = Journal.Open(_folder.File("journal.db"), write: true, survivePowerLoss: true);
        _writer = new JournalWriter(_journal.Connection, error => _broke = error);
        _writer.Start();
    }

    [Fact]
    public async Task What_comes_during_a_commit_goes_into_one()
    {
        var open = Block();
        var asked = Enumerable.Range(0, 100).Select(number => _writer.Ask(() => number)).ToList();

        open.Set();

        Assert.Equal(Enumerable.Range(0, 100), await Task.WhenAll(asked));
        Assert.Equal(2, _writer.Commits);
    }

    [Fact]
    public async Task What_nobody_waits_for_goes_with_what_is_waited_for()
    {
        var (open, order) = (Block(), new List<string>());
        _writer.Post(() => order.Add("result"), () => order.Add("result is written"), canWait: true);
        var turn = _writer.Ask(() => order.Count);

        open.Set();

        Assert.Equal(1, await turn);
        Assert.Equal(["result", "result is written"], order);
        Assert.Equal(2, _writer.Commits);
    }

    [Fact]
    public async Task What_nobody_waits_for_is_written_soon()
    {
        var written = new TaskCompletionSource();

        _writer.Post(() => { }, written.SetResult, canWait: true);

        await written.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Who_is_refused_does_not_disturb_others()
    {
        var open = Block();
        var refused = _writer.Ask<int>(() => throw new ArgumentException("no"));
        var good = _writer.Ask(() => 7);

        open.Set();

        await Assert.ThrowsAsync<ArgumentException>(() => refused);
        Assert.Equal(7, await good);
        Assert.Null(_broke);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _journal.Dispose();
        _folder.Dispose();
    }

    /// <summary>Holds the writer in its first transaction.</summary>
    private ManualResetEventSlim Block()
    {
        var (entered, open) = (new ManualResetEventSlim(), new ManualResetEventSlim());
        _writer.Post(() =>
        {
            entered.Set();
            open.Wait();
        });
        entered.Wait();
        return open;
    }
}
