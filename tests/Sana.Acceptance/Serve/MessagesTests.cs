using System.Net;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Messages that other programs put on the queue of a running server, and jobs whose server comes back with another checkpoint.</summary>
public sealed class MessagesTests
{
    [Fact]
    public async Task Rows_that_are_no_messages_are_buried_and_end_nothing()
    {
        await using var server = await SanaServer.Start();
        const string good = """{"schema":"sana.job/1","job_id":"x","input":{"prompt":"a hare","width":64,"height":64,"steps":2}}""";
        Insert(server, "microseconds", good, due: "1796000000000000");
        Insert(server, "sent", good, sent: "1796000000000000");
        Insert(server, "deliveries", good, deliveries: "9000000000000000000");
        Insert(server, "bytes", good, body: "x'7bff7d'");
        Insert(server, "nobody", good.Replace("\"x\"", "null", StringComparison.Ordinal));
        Insert(server, "half", good.Replace("\"x\"", "\"\\ud800\"", StringComparison.Ordinal));

        await server.Send(HttpMethod.Put, "/v1/jobs/after", SanaServer.Job("a hare", 1));
        await server.Until("/v1/jobs/after", "succeeded");
        var dead = await Dead(server, 6);
        await server.Crash();
        await server.Send(HttpMethod.Put, "/v1/jobs/again", SanaServer.Job("a hare", 2));
        await server.Until("/v1/jobs/again", "succeeded");

        Assert.All(dead, letter => Assert.Equal("bad_input", letter.GetProperty("reason").GetString()));
        Assert.Contains(dead, letter => letter.GetProperty("message").GetString()!.Contains("job_id is null", StringComparison.Ordinal));
        Assert.Equal(6, (await Dead(server, 6)).Count);
    }

    [Fact]
    public async Task A_message_with_a_callback_is_told_of_or_refused_by_name()
    {
        using var receiver = new WebhookReceiver();
        await using var server = await SanaServer.Start(new
        {
            webhook_secrets = new Dictionary<string, string> { ["default"] = SanaServer.WebhookSecret },
            webhook_ports = new[] { receiver.Port },
            webhook_networks = new[] { "127.0.0.0/8" },
        });

        Insert(server, "Told-1", Message("Told-1", new { url = receiver.Url("told") }));
        Insert(server, "unsigned", Message("unsigned", new { url = receiver.Url("unsigned"), secret_ref = "other" }));
        var delivery = (await receiver.Wait("told", 1))[0];
        var dead = Assert.Single(await Dead(server, 1));

        using var body = JsonDocument.Parse(delivery.Body);
        Assert.Equal(("job.succeeded", "Told-1"), (body.RootElement.GetProperty("type").GetString(), body.RootElement.GetProperty("data").GetProperty("job_id").GetString()));
        Assert.Equal("callback.secret_ref: The server has no webhook secret 'other'.", dead.GetProperty("message").GetString());
        Assert.Equal(0, receiver.Count("unsigned"));
    }

    [Fact]
    public async Task A_job_that_is_deleted_while_it_is_painted_gives_its_place_to_the_next()
    {
        await using var server = await SanaServer.Start();
        await server.Send(HttpMethod.Put, "/v1/jobs/long", new { input = new { prompt = "a long way", width = 1024, height = 1024, steps = 1000, seeds = new[] { 1 } } });
        await server.Until("/v1/jobs/long", "processing");

        await server.Send(HttpMethod.Delete, "/v1/jobs/long");
        await server.Send(HttpMethod.Put, "/v1/jobs/next", SanaServer.Job("a short one", 1));
        await server.Until("/v1/jobs/next", "succeeded");

        Assert.Equal("canceled", (await server.Send(HttpMethod.Get, "/v1/jobs/long")).Body.GetProperty("status").GetString());
        Assert.False(Directory.Exists(Path.Combine(server.Data, "blobs/jobs/long")));
        var queue = JsonDocument.Parse((await SanaProgram.Run("queue", "--data", server.Data, "--json")).Output).RootElement;
        Assert.Equal((0, 0), (queue.GetProperty("waiting").GetInt32(), queue.GetProperty("dead").GetInt32()));
    }

    [Fact]
    public async Task A_batch_is_not_painted_with_another_checkpoint()
    {
        await using var server = await SanaServer.Start();
        var checkpoint = Path.Combine(Path.GetDirectoryName(server.Data)!, "checkpoint");
        var asked = new { prompts = Enumerable.Range(0, 40).Select(i => new { prompt = $"prompt {i}" }), settings = new { width = 64, height = 64, steps = 20 } };
        var (status, answer, _) = await server.Send(HttpMethod.Put, "/v1/batches/one", asked);
        Assert.True(status == HttpStatusCode.Accepted, answer.ToString());
        while (Records(server).Count == 0)
            await Task.Delay(5);

        Become(checkpoint, "sana-sprint");
        await server.Crash();
        for (var ready = ""; !ready.Contains("model_mismatch: ", StringComparison.Ordinal); await Task.Delay(50))
            ready = await server.Http.GetStringAsync("/readyz");
        var page = await server.Http.GetStringAsync("/");
        var between = Records(server).Count;
        var told = await SanaProgram.Run("status", "--data", server.Data);

        Become(checkpoint, "sana");
        await server.Crash();
        await server.Until("/v1/batches/one", "succeeded", seconds: 120);

        Assert.Contains("model_mismatch: ", page, StringComparison.Ordinal);
        Assert.Contains("model_mismatch: ", told.Output, StringComparison.Ordinal);
        Assert.InRange(between, 1, 39);
        Assert.Equal(40, Records(server).Count);
        var manifest = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(server.Data, "blobs/runs/one/manifest.json"))).RootElement;
        var planned = manifest.GetProperty("config").GetProperty("model").GetProperty("fingerprint").GetString();
        Assert.All(Records(server), record => Assert.Equal(planned, record));
    }

    /// <summary>The fingerprint of each image's record.</summary>
    private static List<string?> Records(SanaServer server)
    {
        var images = new DirectoryInfo(Path.Combine(server.Data, "blobs/runs/one/images"));
        return images.Exists
            ? [.. images.EnumerateFiles("*.json", SearchOption.AllDirectories).Select(file => JsonDocument.Parse(File.ReadAllBytes(file.FullName)).RootElement.GetProperty("model").GetProperty("fingerprint").GetString())]
            : [];
    }

    private static void Become(string checkpoint, string fixture)
    {
        Directory.Delete(checkpoint, recursive: true);
        SmallCheckpoint.CopyTo(checkpoint, fixture);
        SmallCheckpoint.MakeSmall(checkpoint);
    }

    private static string Message(string id, object callback) =>
        JsonSerializer.Serialize(new { schema = "sana.job/1", job_id = id, input = new { prompt = "a bell", width = 64, height = 64, steps = 2 }, callback });

    private static async Task<List<JsonElement>> Dead(SanaServer server, int count)
    {
        for (var look = 0; ; look++)
        {
            var queue = JsonDocument.Parse((await SanaProgram.Run("queue", "dead", "--data", server.Data, "--json")).Output).RootElement;
            if (queue.GetProperty("dead").GetInt32() >= count || look == 60)
                return [.. queue.GetProperty("dead_letters").EnumerateArray()];
        }
    }

    private static void Insert(SanaServer server, string id, string json, string? body = null, string due = "0", string sent = "0", string deliveries = "0")
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Data, "queue.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"INSERT INTO jobs(job, body, priority, due, deliveries, sent) VALUES($id, {body ?? "$json"}, 5, {due}, {deliveries}, {sent})";
        command.Parameters.AddWithValue("$id", id);
        command.Parameters.AddWithValue("$json", json);
        command.ExecuteNonQuery();
    }
}
