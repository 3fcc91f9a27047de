using System.Net;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>A prompt of more tokens than the network reads is never cut without a word.</summary>
[Collection(ServedCollection.Name)]
public sealed class LongPromptsTests(SharedServer shared, SmallCheckpoint checkpoint) : IDisposable
{
    private const string Generations = "/v1/images/generations";

    private static readonly string Words = string.Join(' ', Enumerable.Range(0, 400).Select(i => $"thing {i},"));

    private readonly TempFolder _folder = new();

    [Fact]
    public async Task A_prompt_that_is_cut_is_flagged_in_the_answer_and_in_the_record()
    {
        var (_, made, _) = await shared.Server.Send(HttpMethod.Post, Generations, new { prompt = Words, size = "64x64", steps = 2 });
        var (_, fits, _) = await shared.Server.Send(HttpMethod.Post, Generations, new { prompt = "a fox", size = "64x64", steps = 2 });
        var (_, job, _) = await shared.Server.Send(HttpMethod.Get, $"/v1/jobs/{made.GetProperty("parameters").GetProperty("job_id").GetString()}");

        Assert.Contains("prompt_truncated", Flags(made.GetProperty("data")[0]));
        Assert.DoesNotContain("prompt_truncated", Flags(fits.GetProperty("data")[0]));
        Assert.Contains("prompt_truncated", Flags(job.GetProperty("images")[0]));
    }

    [Fact]
    public async Task A_negative_prompt_that_is_cut_is_flagged_too()
    {
        var (_, made, _) = await shared.Server.Send(HttpMethod.Post, Generations, new { prompt = "a fox", negative_prompt = Words, size = "64x64", steps = 2, guidance_scale = 3 });

        Assert.Contains("negative_prompt_truncated", Flags(made.GetProperty("data")[0]));
    }

    [Theory]
    [InlineData("prompt")]
    [InlineData("negative_prompt")]
    public async Task Where_it_is_not_to_be_cut_it_is_refused_at_the_door_with_its_length(string field)
    {
        var body = new Dictionary<string, object> { ["prompt"] = "a fox", ["size"] = "64x64", ["long_prompts"] = "refuse", [field] = Words };

        var (status, answer, _) = await shared.Server.Send(HttpMethod.Post, Generations, body);

        var error = answer.GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, field, "prompt_too_long"), (status, error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
        Assert.Contains("tokens and the network reads", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_may_refuse_by_itself_and_a_request_may_say_otherwise()
    {
        await using var server = await SanaServer.Start(null, "--long-prompts", "refuse");

        var (refused, _, _) = await server.Send(HttpMethod.Post, Generations, new { prompt = Words, size = "64x64", steps = 2 });
        var (cut, _, _) = await server.Send(HttpMethod.Post, Generations, new { prompt = Words, size = "64x64", steps = 2, long_prompts = "cut" });
        await server.Send(HttpMethod.Put, "/v1/batches/mixed", new { prompts = new[] { "a fox", Words }, settings = new { width = 64, height = 64, steps = 2, batch_size = 2 } });
        var batch = await server.Until("/v1/batches/mixed", "succeeded");

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (refused, cut));
        Assert.Equal((1, 1, 1), (batch.GetProperty("succeeded").GetInt32(), batch.GetProperty("failed").GetInt32(), batch.GetProperty("reasons").GetProperty("prompt_too_long").GetInt32()));
    }

    [Fact]
    public async Task The_command_line_says_how_many_were_cut_or_leaves_them_out()
    {
        var prompts = _folder.File("prompts.txt");
        await File.WriteAllTextAsync(prompts, $"a fox\n{Words}\n");
        string[] arguments = ["generate", "-c", checkpoint.Path, "--prompts", prompts, "--width", "64", "--height", "64", "--steps", "2", "--batch", "2", "--json"];

        var cut = await SanaProgram.Run([.. arguments, "-o", _folder.File("cut")]);
        var refused = await SanaProgram.Run([.. arguments, "-o", _folder.File("refused"), "--long-prompts", "refuse"]);

        var (first, second) = (JsonDocument.Parse(cut.Output).RootElement, JsonDocument.Parse(refused.Output).RootElement);
        Assert.Equal((0, 1), (cut.ExitCode, first.GetProperty("cut").GetInt32()));
        Assert.Contains("1 image made from the beginning of a prompt", cut.Error, StringComparison.Ordinal);
        Assert.Equal((0, 1), (second.GetProperty("cut").GetInt32(), second.GetProperty("reasons").GetProperty("prompt_too_long").GetInt32()));
        Assert.NotEqual(first.GetProperty("run_id").GetString(), second.GetProperty("run_id").GetString());
    }

    public void Dispose() => _folder.Dispose();

    private static IEnumerable<string?> Flags(JsonElement image) => image.TryGetProperty("flags", out var flags) ? flags.EnumerateArray().Select(flag => flag.GetString()) : [];
}
