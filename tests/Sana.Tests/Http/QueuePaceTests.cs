using Sana.Jobs.Http;
using Xunit;

namespace Sana.Tests.Http;

public sealed class QueuePaceTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_queue_that_loses_a_message_every_four_seconds_tells_so()
    {
        var pace = new QueuePace();

        for (var i = 0; i < 20; i++)
            pace.Note(Start.AddSeconds(40 * i), waiting: 100, entered: 10);

        Assert.InRange(pace.SecondsEach.TotalSeconds, 3.9, 4.1);
    }

    [Fact]
    public void Counts_in_quick_succession_are_added_up()
    {
        var pace = new QueuePace();

        for (var i = 0; i <= 2000; i++)
            pace.Note(Start.AddSeconds(0.2 * i), waiting: 500 - (i / 50), entered: 0);

        Assert.InRange(pace.SecondsEach.TotalSeconds, 9, 11);
    }

    [Fact]
    public void Nothing_is_learnt_of_a_time_in_which_the_queue_was_empty()
    {
        var pace = new QueuePace();
        pace.Note(Start, waiting: 0, entered: 0);

        pace.Note(Start.AddHours(5), waiting: 2, entered: 5);
        pace.Note(Start.AddHours(9), waiting: 0, entered: 0);

        Assert.Equal(2, pace.SecondsEach.TotalSeconds);
    }
}
