using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Generation;

/// <summary>Images from enhanced prompts: both texts are in everything that tells of an image, judges read both, and nothing depends on where a run was cut.</summary>
public sealed class EnhancedPromptTests : IDisposable
{
    private static readonly GenerateJob _job = new() { Prompts = PromptFile.Of(["one", "two", "one", "three"]), BatchSize = 2, Options = new GenerateOptions { EnhancePrompt = true } };

    private readonly TempFolder _folder = new();

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Both_prompts_are_in_records_outcomes_and_the_image()
    {
        var run = await MemoryHost.Run(Blobs("out"), Renderer(), _job);
        var plain = await MemoryHost.Run(Blobs("out"), Renderer(), _job with { Options = new GenerateOptions() });

        Assert.NotEqual(run.RunId, plain.RunId);
        var records = Records("out", run.RunId);
        Assert.Equal(4, records.Length);
        Assert.All(records, record => Assert.Equal($"{record.GetProperty("prompt").GetString()}, in detail", record.GetProperty("revised_prompt").GetString()));
        Assert.All(records, record => Assert.True(record.GetProperty("settings").GetProperty("enhance_prompt").GetBoolean()));
        Assert.All(Records("out", plain.RunId), record => Assert.False(record.TryGetProperty("revised_prompt", out _) || record.GetProperty("settings").TryGetProperty("enhance_prompt", out _)));
        Assert.All(Outcomes("out", run.RunId), line => Assert.EndsWith(", in detail", line.GetProperty("revised_prompt").GetString(), StringComparison.Ordinal));
        var png = Encoding.UTF8.GetString(File.ReadAllBytes(Directory.GetFiles(_folder.File($"out/runs/{run.RunId}"), "*.png", SearchOption.AllDirectories)[0]));
        Assert.Contains(", in detail\"", png, StringComparison.Ordinal);
        var config = JsonElement.Parse(File.ReadAllBytes(_folder.File($"out/{run.Manifest}"))).GetProperty("config").GetProperty("settings");
        Assert.True(config.GetProperty("enhance_prompt").GetBoolean());
    }

    [Fact]
    public async Task What_is_missing_after_a_stop_is_made_from_the_text_that_its_neighbour_has()
    {
        var run = await MemoryHost.Run(Blobs("out"), Renderer(), _job);
        var before = await Tree.Of(Blobs("out"), $"runs/{run.RunId}/");
        foreach (var file in Directory.GetFiles(_folder.File($"out/runs/{run.RunId}"), "*", SearchOption.AllDirectories).Where(file => file.EndsWith("manifest.json", StringComparison.Ordinal) || file.Contains("0000-one", StringComparison.Ordinal)))
            File.Delete(file);
        var first = Directory.GetFiles(_folder.File($"out/runs/{run.RunId}"), "0000-*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        File.Delete(first);
        var renderer = Renderer();

        await MemoryHost.Run(Blobs("out"), renderer, _job);

        Assert.Equal(["one"], renderer.Enhanced);
        Assert.Equal(before, await Tree.Of(Blobs("out"), $"runs/{run.RunId}/"));
    }

    [Fact]
    public async Task Judges_read_what_was_asked_for_and_what_the_image_is_made_from()
    {
        using var networks = new NetworkLoader();
        using var shield = new SmallShieldGemma();
        using var scored = await Open(networks, shield, max: null);
        string[] prompts = ["one", "two", "three", "four", "five", "six"];
        double Score(string text) => scored.Judge(text, Ended)!.Scores[0].Score!.Value;
        var all = prompts.Concat(prompts.Select(prompt => prompt + ", in detail")).Select(Score).Order().ToArray();
        var limit = all[7];
        using var gate = await Open(networks, shield, max: limit);
        var renderer = new FakeRenderer { Judges = gate, Enhances = prompt => $"{prompt}, in detail" };

        var run = await MemoryHost.Run(Blobs("out"), renderer, _job with { Prompts = PromptFile.Of(prompts) });

        string[] refused = [.. prompts.Where(prompt => Score(prompt) > limit)];
        string[] revised = [.. prompts.Except(refused).Where(prompt => Score($"{prompt}, in detail") > limit)];
        Assert.True(refused.Length + revised.Length is > 0 and < 6);
        Assert.Equal(prompts.Except(refused).Order(), renderer.Enhanced.Order());
        Assert.Equal(prompts.Except(refused).Except(revised).Order(), renderer.Batches.SelectMany(batch => batch).Select(request => request.Prompt).Order());
        Assert.Equal(refused.Length + revised.Length, run.Reasons[FaultReason.Policy]);
        foreach (var record in Records("out", run.RunId))
        {
            var prompt = record.GetProperty("prompt").GetString()!;
            var scores = record.GetProperty("scores").EnumerateArray().ToDictionary(score => score.GetProperty("judge").GetString()!, score => score.GetProperty("score").GetDouble());
            Assert.Equal(Score(prompt), scores["prompt__shield"]);
            Assert.Equal(!refused.Contains(prompt), record.TryGetProperty("revised_prompt", out _));
            if (!refused.Contains(prompt))
                Assert.Equal(Score($"{prompt}, in detail"), scores["prompt__shield__revised_prompt"]);
            if (revised.Contains(prompt))
                Assert.StartsWith("The enhanced prompt is outside a limit: Its prompt__shield ", record.GetProperty("message").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_job_has_the_text_in_its_result_and_candidates_share_it()
    {
        using var seen = new ClassifierGates();
        using var gate = await seen.Open();
        var renderer = new FakeRenderer { Judges = gate, Enhances = prompt => $"{prompt}, in detail" };
        await using var host = new JobHost.Sqlite { Renderer = renderer };
        await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "one", Seeds = [1], EnhancePrompt = true, BestOf = new BestOf(3).Resolve(gate.Card) } });

        await host.Turn();

        var result = JobResult.Parse(await host.Blobs.Read("results/a.json", Ended));
        Assert.Equal((JobStatus.Succeeded, 3), (result.Status, result.Images.Count));
        Assert.All(result.Images, image => Assert.Equal("one, in detail", image.RevisedPrompt));
        Assert.Equal(["one"], renderer.Enhanced);
        Assert.All(renderer.Batches.SelectMany(batch => batch), request => Assert.Equal(("one", "one, in detail"), (request.Prompt, request.RevisedPrompt)));
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_do_it_fails_the_job_with_its_sentence()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        var file = checkpoint.PathOf("text_encoder/config.json");
        var config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config["tie_word_embeddings"] = false;
        File.WriteAllText(file, config.ToJsonString());
        using var networks = new NetworkLoader { Checkpoint = checkpoint.Folder };
        await networks.ReadModel(Ended);
        var untied = await networks.LoadPipeline(Ended);

        var error = Assert.Throws<InferenceException>(() => untied.Enhance("a cat", Ended));
        Assert.StartsWith("This checkpoint cannot enhance prompts: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("tie_word_embeddings", error.Message, StringComparison.Ordinal);
        await using var host = new JobHost.Sqlite { Renderer = new FakeRenderer() };
        await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "one", Seeds = [1], EnhancePrompt = true } });
        await host.Turn();
        var result = JobResult.Parse(await host.Blobs.Read("results/a.json", Ended));
        Assert.Equal((JobStatus.Failed, FaultReason.BadInput, "This checkpoint cannot enhance prompts."), (result.Status, result.Error!.Code, result.Error.Message));
    }

    [Fact]
    public async Task The_pipeline_makes_the_image_of_the_text_that_it_wrote_alone_and_in_a_batch()
    {
        using var model = new ShippedModel("tiny-sana");
        using var networks = new NetworkLoader { Checkpoint = model.Path };
        await networks.ReadModel(Ended);
        Assert.False(File.Exists(Path.Combine(model.Path, "text_encoder/head.onnx")));
        var pipeline = await networks.LoadPipeline(Ended);
        var options = pipeline.Resolve(new GenerateOptions { Steps = 2, EnhancePrompt = true });
        ImageRequest[] requests = [new("a red circle", 1), new("two blue squares", 2), new("", 3)];

        var batch = pipeline.Generate(requests, options, null, Ended);
        var alone = requests.Select(request => pipeline.Generate([request], options, null, Ended)[0]).ToArray();
        var written = requests.Select(request => pipeline.Generate([request with { Prompt = pipeline.Enhance(request.Prompt, Ended) }], options with { EnhancePrompt = false }, null, Ended)[0]).ToArray();

        Assert.True(File.Exists(Path.Combine(model.Path, "text_encoder/head.onnx")));
        Assert.Equal("", batch[2].Request.RevisedPrompt);
        for (var i = 0; i < requests.Length; i++)
        {
            Assert.Equal((requests[i].Prompt, written[i].Request.Prompt), (batch[i].Request.Prompt, batch[i].Request.RevisedPrompt));
            Assert.Equal(batch[i].Request, alone[i].Request);
            Assert.Equal(alone[i].Image!.Pixels, batch[i].Image!.Pixels);
            Assert.Equal(written[i].Image!.Pixels, batch[i].Image!.Pixels);
            Assert.Equal(batch[i].Request.RevisedPrompt == requests[i].Prompt, batch[i].Flags.Contains("prompt_not_enhanced"));
        }
    }

    private static FakeRenderer Renderer() => new() { Enhances = prompt => $"{prompt}, in detail" };

    private static async Task<Gate> Open(NetworkLoader networks, SmallShieldGemma shield, double? max) => (await JudgePlace.OpenGate(
        GateConfig.Parse($"[{JsonSerializer.Serialize(new { label = "shield", kind = "prompt", checkpoint = shield.Folder, policy = "sexual", max })}]", "judges", outside: null), networks, default))!;

    private FileBlobs Blobs(string place) => FileBlobs.Open(_folder.File(place));

    private JsonElement[] Records(string place, string run) =>
        [.. Directory.EnumerateFiles(_folder.File($"{place}/runs/{run}"), "0000-*.json", SearchOption.AllDirectories).Select(file => JsonElement.Parse(File.ReadAllBytes(file)))];

    private JsonElement[] Outcomes(string place, string run) =>
        [.. Directory.EnumerateFiles(_folder.File($"{place}/runs/{run}"), "*.jsonl", SearchOption.AllDirectories).SelectMany(File.ReadLines).Select(line => JsonElement.Parse(line))];
}
