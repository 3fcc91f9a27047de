using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Adapters;

/// <summary>Adapters on the command line and over HTTP: from a file to images, records and manifest.</summary>
public sealed class LoraCommandTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Records_and_images_say_what_they_were_made_with_and_the_order_is_one_run()
    {
        var (attention, wide) = (LoraOf("attention"), LoraOf("wide"));

        var one = await Generate("--lora", $"{attention}:0.7", "--lora", wide);
        var again = await Generate("--lora", wide, "--lora", $"{attention}:0.7");
        var plain = await Generate();

        Assert.Equal((1, 1), (one.GetProperty("made").GetInt32(), plain.GetProperty("made").GetInt32()));
        Assert.Equal((0, 1), (again.GetProperty("made").GetInt32(), again.GetProperty("skipped").GetInt32()));
        var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.File("out"), one.GetProperty("manifest").GetString()!))).RootElement;
        var lora = manifest.GetProperty("config").GetProperty("settings").GetProperty("lora");
        Assert.Equal([("attention", 0.7), ("wide", 1)], lora.EnumerateArray().Select(each => (each.GetProperty("name").GetString()!, Math.Round(each.GetProperty("weight").GetDouble(), 3))).Order());
        Assert.All(lora.EnumerateArray(), each => Assert.Matches("^[0-9a-f]{64}$", each.GetProperty("sha256").GetString()));
        var image = Directory.EnumerateFiles(_folder.File($"out/runs/{one.GetProperty("run_id").GetString()}"), "*.png", SearchOption.AllDirectories).Single();
        Assert.Contains("\"lora\":[{\"name\":", File.ReadAllText(Path.ChangeExtension(image, ".json")), StringComparison.Ordinal);
        Assert.Contains("\"lora\":[{\"name\":", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(image)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_decoder_is_another_run_and_one_of_other_latents_is_refused()
    {
        var decoder = _folder.File("light");
        SmallCheckpoint.CopyTo(decoder, source: Path.Combine(Fixtures.Adapters, "light-decoder"));
        var config = Path.Combine(decoder, "vae", "config.json");
        var right = File.ReadAllText(config);
        var plain = await Generate();

        var fitting = await Generate("--decoder", decoder);
        File.WriteAllText(config, Regex.Replace(right, "\"scaling_factor\": *[0-9.e-]+", "\"scaling_factor\": 0.7"));
        var other = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a cat", "--out", _folder.File("out"), "--decoder", decoder, "--width", "64", "--height", "64");

        Assert.Equal(1, other.ExitCode);
        Assert.Contains("so its latents are others", other.Error, StringComparison.Ordinal);
        Assert.NotEqual(plain.GetProperty("run_id").GetString(), fitting.GetProperty("run_id").GetString());
        var model = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.File("out"), fitting.GetProperty("manifest").GetString()!))).RootElement.GetProperty("config").GetProperty("model");
        Assert.Equal("light", model.GetProperty("decoder").GetString());
    }

    [Fact]
    public async Task Perturbed_attention_is_in_the_record_and_a_repeat_makes_nothing()
    {
        var one = await Generate("--pag", "2", "--pag-layers", "1", "--pag-adaptive", "0.001");
        var again = await Generate("--pag", "2", "--pag-layers", "1", "--pag-adaptive", "0.001");
        var zero = await Generate("--pag", "0");
        var plain = await Generate();

        Assert.Equal((1, 0, 1), (one.GetProperty("made").GetInt32(), again.GetProperty("made").GetInt32(), again.GetProperty("skipped").GetInt32()));
        Assert.Equal(plain.GetProperty("run_id").GetString(), zero.GetProperty("run_id").GetString());
        Assert.Contains("\"pag\":{\"scale\":2,", File.ReadAllText(Path.Combine(_folder.File("out"), one.GetProperty("manifest").GetString()!)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_says_what_an_adapter_is()
    {
        var text = await SanaProgram.Run("info", LoraOf("wide"));
        var json = await SanaProgram.Run("info", LoraOf("attention-kohya"), "--json");

        Assert.True(text.ExitCode == 0, text.Error);
        Assert.Contains("LoRA in the names of diffusers", text.Output, StringComparison.Ordinal);
        Assert.Contains("patch_embed.proj", text.Output, StringComparison.Ordinal);
        Assert.Equal("kohya", JsonDocument.Parse(json.Output).RootElement.GetProperty("format").GetString());
    }

    [Theory]
    [InlineData("nowhere.safetensors", 2, "There is no adapter")]
    [InlineData("hostile.safetensors", 1, "is not a safetensors file")]
    public async Task What_is_no_adapter_is_one_sentence(string file, int exitCode, string sentence)
    {
        File.WriteAllBytes(_folder.File("hostile.safetensors"), new byte[64]);

        var finished = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a cat", "--out", _folder.File("out"), "--lora", _folder.File(file));

        Assert.Equal(exitCode, finished.ExitCode);
        Assert.Contains(sentence, finished.Error, StringComparison.Ordinal);
        Assert.Single(finished.Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_server_takes_adapters_by_the_names_of_its_file_and_no_paths()
    {
        await using var server = await SanaServer.Start(new { loras = new Dictionary<string, string> { ["pixel"] = LoraOf("attention") } });

        await server.Send(HttpMethod.Put, "/v1/jobs/with", new { input = new { prompt = "a cat", width = 64, height = 64, steps = 2, seeds = new[] { 1 }, lora = new[] { new { name = "pixel", weight = 0.5 } } } });
        await server.Send(HttpMethod.Put, "/v1/jobs/without", new { input = new { prompt = "a cat", width = 64, height = 64, steps = 2, seeds = new[] { 1 } } });
        var with = await server.Until("/v1/jobs/with", "succeeded");
        var without = await server.Until("/v1/jobs/without", "succeeded");
        var path = await server.Send(HttpMethod.Put, "/v1/jobs/path", new { input = new { prompt = "a cat", lora = new[] { new { name = LoraOf("attention") } } } });

        Assert.NotEqual(with.GetProperty("images")[0].GetProperty("sha256").GetString(), without.GetProperty("images")[0].GetProperty("sha256").GetString());
        Assert.Equal("pixel", with.GetProperty("input").GetProperty("lora")[0].GetProperty("name").GetString());
        Assert.Equal(422, (int)path.Status);
        Assert.Contains("input.lora", path.Body.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Perturbed_attention_over_http_is_the_same_image_by_every_way()
    {
        await using var server = await SanaServer.Start(new { });
        var pag = new { scale = 2, layers = new[] { 1 } };

        await server.Send(HttpMethod.Put, "/v1/jobs/with", new { input = new { prompt = "a cat", width = 64, height = 64, steps = 2, seeds = new[] { 1 }, pag } });
        await server.Send(HttpMethod.Put, "/v1/jobs/without", new { input = new { prompt = "a cat", width = 64, height = 64, steps = 2, seeds = new[] { 1 }, pag = new { scale = 0 } } });
        var image = await server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a cat", size = "64x64", steps = 2, seed = 1, pag });
        var batch = await server.Send(HttpMethod.Post, "/v1/batches", new { prompts = new[] { new { prompt = "a cat", seed = 1 } }, settings = new { width = 64, height = 64, steps = 2, pag } });
        var with = await server.Until("/v1/jobs/with", "succeeded");
        var without = await server.Until("/v1/jobs/without", "succeeded");
        var unknown = await server.Send(HttpMethod.Put, "/v1/jobs/unknown", new { input = new { prompt = "a cat", pag = new { scale = 2, layers = new[] { 99 } } } });
        var missing = await server.Send(HttpMethod.Post, "/v1/images/generations", new { prompt = "a cat", pag = new { layers = new[] { 1 } } });

        Assert.NotEqual(Hash(with), Hash(without));
        var answer = image.Body.GetProperty("data")[0].GetProperty("b64_json").GetBytesFromBase64();
        var file = await server.Http.GetByteArrayAsync(with.GetProperty("images")[0].GetProperty("url").GetString());
        Assert.Equal(Pixels(file), Pixels(answer));
        Assert.Equal(1, with.GetProperty("input").GetProperty("pag").GetProperty("layers")[0].GetInt32());
        Assert.Equal(202, (int)batch.Status);
        Assert.Equal((422, 400), ((int)unknown.Status, (int)missing.Status));
        Assert.Contains("input.pag", unknown.Body.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("scale", missing.Body.GetRawText(), StringComparison.Ordinal);

        static byte[] Pixels(byte[] png) => Sana.Curation.Ingest.ImageIngest.Decode(png).Pixels;

        static string Hash(JsonElement job) => job.GetProperty("images")[0].GetProperty("sha256").GetString()!;
    }

    private static string LoraOf(string name) => Path.Combine(Fixtures.Adapters, "lora", "sana", name);

    private async Task<JsonElement> Generate(params string[] more)
    {
        var finished = await SanaProgram.Run(
        [
            "generate", "-c", checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--no-binning", "--steps", "2", "--out", _folder.File("out"), "--json", .. more,
        ]);
        Assert.True(finished.ExitCode == 0, finished.Error);
        return JsonDocument.Parse(finished.Output).RootElement;
    }
}
