using Sana.Jobs.Curation;
using Xunit;

namespace Sana.Tests.Workflows;

public sealed class BudgetAccountTests
{
    [Theory]
    [InlineData(10.5, 1.4, 1.0)]
    [InlineData(10.5, 0.2, 1.0)]
    [InlineData(0.5, 3.0, 1.0)]
    public async Task Many_asks_at_once_pass_a_budget_by_no_more_than_one_answer(double money, double reserved, double used)
    {
        var account = new BudgetAccount(new Budget((decimal)money), Usage.None);
        var (estimate, cost) = (new Usage(1, 100, (decimal)reserved), new Usage(1, 80, (decimal)used));

        var sent = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(async () =>
        {
            if (!await account.Reserve(estimate, CancellationToken.None))
                return false;
            await Task.Yield();
            account.Settle(estimate, cost);
            return true;
        })));

        Assert.Equal(sent.Count(one => one) * (decimal)used, account.Spent.Cost);
        Assert.True(account.Spent.Cost >= (decimal)money); // it is used up
        if (reserved >= used)
            Assert.True(account.Spent.Cost < (decimal)money + (decimal)used, $"{account.Spent.Cost}");
    }

    [Fact]
    public async Task Without_a_budget_nothing_waits()
    {
        var account = new BudgetAccount(new Budget(), Usage.None);

        for (var i = 0; i < 100; i++)
            Assert.True(await account.Reserve(new Usage(1, 1_000_000, 1_000_000), CancellationToken.None));
    }
}
