using System.Globalization;
using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Two servers on one journal and one queue in a storage account; one of them is killed.</summary>
public sealed class TwoProcessesTests(Azurite azurite) : IClassFixture<Azurite>
{
    private const int Prompts = 12;

    [Fact]
    public async Task What_one_began_the_other_ends()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"two{Random.Shared.Next(1_000_000):000000}");
        string[] options =
        [
            "--journal", $"{azurite.ConnectionString};TaskHub={name}", "--queue", $"{azurite.ConnectionString};Queue={name}", "--out", $"{azurite.ConnectionString};Container={name}",
        ];
        await using var first = await SanaServer.Start(config: null, options);
        await using var second = await SanaServer.Start(config: null, options);
        var prompts = Enumerable.Range(0, Prompts).Select(i => new { prompt = $"picture {i}" });

        var (status, _, _) = await first.Send(HttpMethod.Put, "/v1/batches/shared", new { prompts, settings = new { width = 64, height = 64, steps = 2, batch_size = 1 } });
        Assert.Equal(HttpStatusCode.Accepted, status);
        // Whoever asks the other one sees the same batch.
        await second.Until("/v1/batches/shared", "processing", seconds: 90);
        await first.Kill();
        var end = await second.Until("/v1/batches/shared", "succeeded", seconds: 240);

        Assert.Equal((Prompts, 0), (end.GetProperty("succeeded").GetInt32(), end.GetProperty("failed").GetInt32()));
        Assert.Equal(0, await second.Terminate());
    }

    [Fact]
    public async Task A_shared_journal_with_a_queue_of_its_own_is_refused()
    {
        var end = await SanaProgram.Run("serve", "--checkpoint", AppContext.BaseDirectory, "--journal", azurite.ConnectionString, "--data", Directory.CreateTempSubdirectory("sana-").FullName, "--urls", "http://127.0.0.1:0");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains("needs a queue that they share: give --queue", end.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_place_that_is_no_journal_is_refused_without_its_key()
    {
        var end = await SanaProgram.Run("status", "--journal", "AccountName=a;AccountKey=c2VjcmV0;Nonsense");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains("The journal is none of sqlite, azurite[:hub]", end.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", end.Error, StringComparison.Ordinal);
    }
}
