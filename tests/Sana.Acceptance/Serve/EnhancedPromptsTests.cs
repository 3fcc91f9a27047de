using System.Net;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>An enhanced prompt is the same text on every face, and the answer tells it.</summary>
[Collection(ServedCollection.Name)]
public sealed class EnhancedPromptsTests(SharedServer shared, SmallCheckpoint checkpoint) : IDisposable
{
    private const string Prompt = "a red house";

    private readonly TempFolder _folder = new();

    [Fact]
    public async Task OpenAIs_path_a_job_and_the_command_line_make_the_image_of_one_text()
    {
        var (status, made, _) = await shared.Server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = Prompt, size = "64x64", steps = 2, seed = 7, enhance_prompt = true });
        var (_, plain, _) = await shared.Server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = Prompt, size = "64x64", steps = 2, seed = 7 });
        var (_, job, _) = await shared.Server.Send(HttpMethod.Get, $"/v1/jobs/{made.GetProperty("parameters").GetProperty("job_id").GetString()}");
        var run = await SanaProgram.Run(
            "generate", "-c", checkpoint.Path, "-p", Prompt, "--enhance", "--width", "64", "--height", "64", "--steps", "2", "--seed", "7", "-o", _folder.File("out"), "--json");

        Assert.Equal((HttpStatusCode.OK, 0), (status, run.ExitCode));
        var image = made.GetProperty("data")[0];
        var text = image.GetProperty("revised_prompt").GetString();
        var record = JsonElement.Parse(await File.ReadAllBytesAsync(Directory.GetFiles(_folder.File("out/runs"), "0000-*.json", SearchOption.AllDirectories).Single(), TestContext.Current.CancellationToken));
        Assert.NotEqual(Prompt, text);
        Assert.InRange(text!.Split(' ').Length, 1, 77);
        Assert.Equal(Prompt, plain.GetProperty("data")[0].GetProperty("revised_prompt").GetString());
        Assert.Equal(text, job.GetProperty("images")[0].GetProperty("revised_prompt").GetString());
        Assert.Equal((Prompt, text), (record.GetProperty("prompt").GetString(), record.GetProperty("revised_prompt").GetString()));
        Assert.NotEqual(plain.GetProperty("data")[0].GetProperty("b64_json").GetString(), image.GetProperty("b64_json").GetString());
    }

    [Fact]
    public async Task A_batch_takes_it_in_its_settings()
    {
        await shared.Server.Send(HttpMethod.Put, "/v1/batches/enhanced", new { prompts = new[] { Prompt }, settings = new { width = 64, height = 64, steps = 2, enhance_prompt = true } });
        var enhanced = await shared.Server.Until("/v1/batches/enhanced", "succeeded");
        await shared.Server.Send(HttpMethod.Put, "/v1/batches/not-enhanced", new { prompts = new[] { Prompt }, settings = new { width = 64, height = 64, steps = 2 } });
        var plain = await shared.Server.Until("/v1/batches/not-enhanced", "succeeded");

        Assert.Equal((1, 1), (enhanced.GetProperty("succeeded").GetInt32(), plain.GetProperty("succeeded").GetInt32()));
    }

    [Fact]
    public async Task A_run_that_is_killed_again_and_again_ends_with_the_same_bytes()
    {
        string[] arguments = ["generate", "-c", checkpoint.Path, "-p", Prompt, "-p", "a blue cup", "--enhance", "--images", "3", "--batch", "2", "--width", "64", "--height", "64", "--steps", "2", "--json", "-o"];
        var whole = await SanaProgram.Run([.. arguments, _folder.File("whole")]);

        foreach (var milliseconds in new[] { 700, 1100, 1500 })
        {
            using var process = SanaProgram.Start([.. arguments, _folder.File("killed")]);
            await Task.WhenAny(process.WaitForExitAsync(TestContext.Current.CancellationToken), Task.Delay(milliseconds, TestContext.Current.CancellationToken));
            process.Kill();
            await SanaProgram.Finish(process);
        }

        var again = await SanaProgram.Run([.. arguments, _folder.File("killed")]);

        Assert.Equal((0, 0), (whole.ExitCode, again.ExitCode));
        Assert.Equal(Images("whole"), Images("killed"));
        Assert.Equal(6, Images("whole").Length);
    }

    public void Dispose() => _folder.Dispose();

    private (string Name, string Bytes)[] Images(string place) =>
    [
        .. Directory.GetFiles(_folder.File($"{place}/runs"), "0000-*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(file => file.EndsWith(".png", StringComparison.Ordinal))
            .Select(file => (Path.GetRelativePath(_folder.File(place), file), Convert.ToBase64String(File.ReadAllBytes(file)))),
    ];
}
