using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

public sealed class ZMeasure(ITestOutputHelper output)
{
    [Fact]
    public async Task Measure()
    {
        await using var server = await SanaServer.Start();
        await server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a", size = "64x64", steps = 2 });
        void Tell(string what) => output.WriteLine($"{what}: {File.ReadLines($"/proc/{server.ProcessId}/status").First(l => l.StartsWith("VmHWM"))} {File.ReadLines($"/proc/{server.ProcessId}/status").First(l => l.StartsWith("VmRSS"))}");
        Tell("start");
        var path = Path.GetTempFileName();
        await using (var file = new StreamWriter(path))
        {
            for (var i = 0; i < 50_000; i++)
                file.WriteLine($$$"""{"custom_id":"line {{{i}}}","method":"POST","url":"/v1/images/generations","body":{"prompt":"picture {{{i}}}","size":"64x64","num_inference_steps":2,"user":"{{{new string('u', 3900)}}}"}}""");
        }

        var watch = Stopwatch.StartNew();
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new StreamContent(File.OpenRead(path)), "file", "lines.jsonl" } };
        using var answer = await server.Http.PostAsync("/v1/files", form);
        var uploaded = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Tell($"uploaded {new FileInfo(path).Length} bytes in {watch.Elapsed}");
        watch.Restart();
        var (_, batch, _) = await server.Send(HttpMethod.Post, "/v1/batches", new { input_file_id = uploaded.GetProperty("id").GetString(), endpoint = "/v1/images/generations", completion_window = "24h" });
        var id = batch.GetProperty("id").GetString();
        await server.Until($"/v1/batches/{id}", "in_progress", 300);
        Tell($"checked in {watch.Elapsed}");
        watch.Restart();
        while ((await server.Send(HttpMethod.Get, $"/v1/batches/{id}")).Body.GetProperty("request_counts").GetProperty("completed").GetInt32() < 250)
            await Task.Delay(50);
        Tell($"250 lines in {watch.Elapsed}");
        watch.Restart();
        var interactive = Stopwatch.StartNew();
        await server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a", size = "64x64", steps = 2 });
        output.WriteLine($"interactive image meanwhile {interactive.Elapsed}");
        await server.Send(HttpMethod.Post, $"/v1/batches/{id}/cancel");
        batch = await server.Until($"/v1/batches/{id}", "cancelled", 500);
        Tell($"cancelled in {watch.Elapsed} {batch.GetProperty("request_counts")}");
        watch.Restart();
        var bytes = 0L;
        using (var content = await server.Http.GetStreamAsync($"/v1/files/{batch.GetProperty("error_file_id").GetString()}/content"))
        {
            var buffer = new byte[1 << 16];
            for (int read; (read = await content.ReadAsync(buffer)) > 0;)
                bytes += read;
        }

        Tell($"error file of {bytes} bytes read in {watch.Elapsed}");
        output.WriteLine($"journal {Directory.EnumerateFiles(server.Data, "journal*").Sum(f => new FileInfo(f).Length)}");
        File.Delete(path);
    }
}
