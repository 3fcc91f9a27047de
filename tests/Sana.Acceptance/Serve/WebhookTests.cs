using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

[Collection(ServedCollection.Name)]
public sealed class WebhookTests(SharedServer shared)
{
    [Fact]
    public async Task The_end_of_a_job_is_told_and_signed()
    {
        await shared.Server.Send(HttpMethod.Put, "/v1/jobs/told", Job("told"));

        var delivery = (await shared.Receiver.Wait("told", 1))[0];

        using var body = JsonDocument.Parse(delivery.Body);
        var key = Convert.FromBase64String(SanaServer.WebhookSecret["whsec_".Length..]);
        var signed = Encoding.UTF8.GetBytes($"{delivery.Id}.{delivery.Timestamp}.{Encoding.UTF8.GetString(delivery.Body)}");
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, signed))}", delivery.Signature);
        Assert.Equal("job.succeeded", body.RootElement.GetProperty("type").GetString());
        Assert.Equal("told", body.RootElement.GetProperty("data").GetProperty("job_id").GetString());
    }

    [Fact]
    public async Task A_receiver_that_is_down_delays_nothing_and_hears_of_it_later()
    {
        shared.Receiver.Answer = (path, n) => path == "/down" && n == 0 ? 503 : 204;

        await shared.Server.Send(HttpMethod.Put, "/v1/jobs/down", Job("down"));
        await shared.Server.Until("/v1/jobs/down", "succeeded");
        var deliveries = await shared.Receiver.Wait("down", 2);

        Assert.Equal(deliveries[0].Id, deliveries[1].Id);
        Assert.Equal(deliveries[0].Body, deliveries[1].Body);
    }

    [Fact]
    public async Task Who_asked_for_failures_hears_of_nothing_else()
    {
        await shared.Server.Send(HttpMethod.Put, "/v1/jobs/quiet", new { input = new { prompt = "a bell", width = 64, height = 64, steps = 2 }, callback = new { url = shared.Receiver.Url("quiet"), events = new[] { "failed" } } });
        await shared.Server.Until("/v1/jobs/quiet", "succeeded");
        await shared.Server.Send(HttpMethod.Put, "/v1/jobs/loud", Job("loud"));
        await shared.Receiver.Wait("loud", 1);

        Assert.Equal(0, shared.Receiver.Count("quiet"));
    }

    private object Job(string path) => new { input = new { prompt = "a bell", width = 64, height = 64, steps = 2 }, callback = new { url = shared.Receiver.Url(path) } };
}
