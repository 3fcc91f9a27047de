using System.Net.Http.Headers;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Sana.Storage;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Adapters;

/// <summary>Control networks on the command line and over HTTP: from a folder and a picture to images, records and manifest.</summary>
public sealed class ControlCommandTests : IDisposable
{
    private static readonly byte[] _picture = ImageCodec.Encode(new RgbImage(40, 60, [.. Enumerable.Range(0, 40 * 60 * 3).Select(i => (byte)(i * 7))]), ImageFormat.Png);

    private readonly SmallCheckpoint _checkpoint;
    private readonly TempFolder _folder = new();

    public ControlCommandTests(SmallCheckpoint checkpoint)
    {
        _checkpoint = checkpoint;
        File.WriteAllBytes(_folder.File("edges.png"), _picture);
        SmallCheckpoint.CopyTo(_folder.File("hed"), source: Path.Combine(Fixtures.Adapters, "controlnet"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Records_and_images_say_what_they_were_made_with_and_a_repeat_makes_nothing()
    {
        var one = await Generate("--control", $"{_folder.File("hed")}:0.8", "--control-image", _folder.File("edges.png"));
        Directory.Move(_folder.File("hed"), _folder.File("moved"));
        var again = await Generate("--control", $"{_folder.File("moved")}:0.8", "--control-image", _folder.File("edges.png"));
        var zero = await Generate("--control", $"{_folder.File("moved")}:0", "--control-image", _folder.File("edges.png"));
        var plain = await Generate();

        Assert.Equal((1, 0, 1), (one.GetProperty("made").GetInt32(), again.GetProperty("made").GetInt32(), again.GetProperty("skipped").GetInt32()));
        Assert.Equal(plain.GetProperty("run_id").GetString(), zero.GetProperty("run_id").GetString());
        var control = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.File("out"), one.GetProperty("manifest").GetString()!))).RootElement
            .GetProperty("config").GetProperty("settings").GetProperty("control");
        Assert.Equal(("hed", 0.8, Digest.Sha256(_picture), 40), (control.GetProperty("name").GetString(), Math.Round(control.GetProperty("scale").GetDouble(), 3), control.GetProperty("image_sha256").GetString(), control.GetProperty("image_width").GetInt32()));
        Assert.Matches("^[0-9a-f]{64}$", control.GetProperty("fingerprint").GetString());
        var image = Directory.EnumerateFiles(_folder.File($"out/runs/{one.GetProperty("run_id").GetString()}"), "*.png", SearchOption.AllDirectories).Single();
        Assert.Contains("\"control\":{\"name\":\"hed\"", File.ReadAllText(Path.ChangeExtension(image, ".json")), StringComparison.Ordinal);
        Assert.Contains("\"control\":{\"name\":\"hed\"", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(image)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_pictures_are_one_run_and_each_image_is_that_of_its_picture_alone()
    {
        File.WriteAllBytes(_folder.File("other.png"), ImageCodec.Encode(new RgbImage(30, 30, [.. Enumerable.Range(0, 30 * 30 * 3).Select(i => (byte)(i * 11))]), ImageFormat.Png));
        string[] network = ["--control", $"{_folder.File("hed")}:0.8"];

        var both = await Generate([.. network, "--control-image", _folder.File("edges.png"), "--control-image", _folder.File("other.png"), "--images", "2", "--batch", "2"]);
        var again = await Generate([.. network, "--control-image", _folder.File("edges.png"), "--control-image", _folder.File("other.png"), "--images", "2", "--batch", "2"]);
        var first = await Generate([.. network, "--control-image", _folder.File("edges.png"), "--images", "2", "--batch", "2"]);
        var second = await Generate([.. network, "--control-image", _folder.File("other.png"), "--images", "2", "--batch", "2"]);
        var twice = await SanaProgram.Run(["generate", "-c", _checkpoint.Path, "-p", "a cat", .. network, "--control-image", _folder.File("edges.png"), "--control-image", _folder.File("edges.png")]);

        Assert.Equal((4, 0, 2, 2), (both.GetProperty("made").GetInt32(), again.GetProperty("made").GetInt32(), first.GetProperty("made").GetInt32(), second.GetProperty("made").GetInt32()));
        Assert.Equal([.. Images(first), .. Images(second)], Images(both));
        Assert.Equal(2, twice.ExitCode);
        Assert.Contains("2 times with the same picture", twice.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_says_what_a_control_network_is_and_plans_its_memory()
    {
        var alone = await SanaProgram.Run("info", _folder.File("hed"));
        var beside = await SanaProgram.Run("info", _checkpoint.Path, "--control", _folder.File("hed"), "--json");
        var without = await SanaProgram.Run("info", _checkpoint.Path, "--json");

        Assert.True(alone.ExitCode == 0, alone.Error);
        Assert.Contains("hed: control network of Sana", alone.Output, StringComparison.Ordinal);
        var (with, plain) = (JsonDocument.Parse(beside.Output).RootElement.GetProperty("memory"), JsonDocument.Parse(without.Output).RootElement.GetProperty("memory"));
        var stage = with.GetProperty("stages").EnumerateArray().Single(each => each.GetProperty("stage").GetString() == "controlnet");
        Assert.True(with.GetProperty("peak_bytes").GetInt64() >= plain.GetProperty("peak_bytes").GetInt64() + stage.GetProperty("weights").GetInt64());
    }

    [Theory]
    [InlineData("nowhere", "edges.png", 2, "There is no control network")]
    [InlineData("hostile", "edges.png", 1, "is not a safetensors file")]
    [InlineData("hed", "nowhere.png", 2, "cannot be read")]
    [InlineData("hed", "hed/config.json", 2, "Control image: The file is no image")]
    [InlineData("hed", null, 2, "--control reads --control-image")]
    [InlineData(null, "edges.png", 2, "--control-image is what --control reads")]
    public async Task What_cannot_be_used_is_one_sentence(string? network, string? picture, int exitCode, string sentence)
    {
        SmallCheckpoint.CopyTo(_folder.File("hostile"), source: Path.Combine(Fixtures.Adapters, "controlnet"));
        File.WriteAllBytes(_folder.File("hostile/diffusion_pytorch_model.safetensors"), new byte[64]);

        var finished = await SanaProgram.Run(
        [
            "generate", "-c", _checkpoint.Path, "-p", "a cat", "--out", _folder.File("out"),
            .. network is null ? Array.Empty<string>() : ["--control", _folder.File(network)], .. picture is null ? Array.Empty<string>() : ["--control-image", _folder.File(picture)],
        ]);

        Assert.Equal(exitCode, finished.ExitCode);
        Assert.Contains(sentence, finished.Error, StringComparison.Ordinal);
        Assert.Single(finished.Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_server_takes_networks_by_the_names_of_its_file_and_pictures_of_forms_and_no_paths()
    {
        await using var server = await SanaServer.Start(new { controls = new Dictionary<string, string> { ["hed"] = _folder.File("hed") } });
        var size = new Dictionary<string, string> { ["prompt"] = "a cat", ["seed"] = "1", ["width"] = "64", ["height"] = "64", ["steps"] = "2" };

        var with = await Post(server, "v1/images/generations", new(size) { ["control"] = "hed:0.8" });
        var without = await Post(server, "v1/images/generations", size, picture: null);
        var edited = await Post(server, "v1/images/edits", new(size) { ["control"] = "hed:0.8" }, begins: _picture);

        Assert.Equal(3, new[] { with, without, edited }.Select(answer => answer.Body.GetProperty("data")[0].GetProperty("b64_json").GetString()).Distinct().Count());
        // The picture is known by its hash now: jobs and batches may name it.
        var image = new { sha256 = Digest.Sha256(_picture) };
        object Input(object control) => new { prompt = "a cat", width = 64, height = 64, steps = 2, seeds = new[] { 1 }, control };
        await server.Send(HttpMethod.Put, "/v1/jobs/same", new { input = Input(new { name = "hed", scale = 0.8, image }) });
        var job = await server.Until("/v1/jobs/same", "succeeded");
        Assert.Equal("hed", job.GetProperty("input").GetProperty("control").GetProperty("name").GetString());
        var bytes = await server.Http.GetByteArrayAsync(job.GetProperty("images")[0].GetProperty("url").GetString());
        Assert.Equal(Pixels(Convert.FromBase64String(with.Body.GetProperty("data")[0].GetProperty("b64_json").GetString()!)), Pixels(bytes));

        await server.Send(HttpMethod.Put, "/v1/batches/both", new { prompts = new[] { "a cat", "a dog" }, seeds = new[] { 1 }, settings = new { width = 64, height = 64, steps = 2, batch_size = 2, control = new { name = "hed", scale = 0.8, image } } });
        var batch = await server.Until("/v1/batches/both", "succeeded");
        Assert.Equal(2, batch.GetProperty("succeeded").GetInt32());

        var other = ImageCodec.Encode(new RgbImage(30, 30, new byte[30 * 30 * 3]), ImageFormat.Png);
        await Post(server, "v1/images/generations", new(size) { ["control"] = "hed" }, other);
        object Along(params string[] pictures) => new { prompts = new[] { "a cat", "a dog" }, settings = new { width = 64, height = 64, steps = 2, control = new { name = "hed", image }, control_images = pictures.Select(sha256 => new { sha256 }) } };
        await server.Send(HttpMethod.Put, "/v1/batches/several", Along(Digest.Sha256(other)));
        Assert.Equal(4, (await server.Until("/v1/batches/several", "succeeded")).GetProperty("succeeded").GetInt32());
        var twice = await server.Send(HttpMethod.Put, "/v1/batches/twice", Along(image.sha256));
        Assert.Equal(422, (int)twice.Status);
        Assert.Contains("names a picture twice", twice.Body.GetRawText(), StringComparison.Ordinal);

        var path = await server.Send(HttpMethod.Put, "/v1/jobs/path", new { input = Input(new { name = _folder.File("hed"), image }) });
        var unknown = await server.Send(HttpMethod.Put, "/v1/batches/none", new { prompts = new[] { "a cat" }, settings = new { control = new { name = "hed", image = new { sha256 = new string('0', 64) } } } });
        var nameless = await Post(server, "v1/images/generations", size);
        Assert.Equal([422, 422, 400], new[] { (int)path.Status, (int)unknown.Status, nameless.Status });
        Assert.Contains("is not known here; known are hed", path.Body.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("settings.control", unknown.Body.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("control_image is the picture that control reads", nameless.Body.GetRawText(), StringComparison.Ordinal);
    }

    private static byte[] Pixels(byte[] png) => Sana.Curation.Ingest.ImageIngest.Decode(png).Pixels;

    private static Task<(int Status, JsonElement Body)> Post(SanaServer server, string path, Dictionary<string, string> fields) => Post(server, path, fields, _picture);

    private static async Task<(int Status, JsonElement Body)> Post(SanaServer server, string path, Dictionary<string, string> fields, byte[]? picture = null, byte[]? begins = null)
    {
        using var form = new MultipartFormDataContent();
        foreach (var (name, text) in fields)
            form.Add(new StringContent(text), name);
        foreach (var (name, bytes) in new[] { ("control_image", fields.ContainsKey("control") ? picture ?? _picture : picture), ("image", begins) })
        {
            if (bytes is not null)
                form.Add(new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("image/png") } }, name, $"{name}.png");
        }

        using var answer = await server.Http.PostAsync(path, form);
        return ((int)answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement);
    }

    private string[] Images(JsonElement report) =>
    [
        .. Directory.EnumerateFiles(_folder.File($"out/runs/{report.GetProperty("run_id").GetString()}"), "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => Convert.ToHexString(Pixels(File.ReadAllBytes(file)))),
    ];

    private async Task<JsonElement> Generate(params string[] more)
    {
        var finished = await SanaProgram.Run(
        [
            "generate", "-c", _checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--no-binning", "--steps", "2", "--out", _folder.File("out"), "--json", .. more,
        ]);
        Assert.True(finished.ExitCode == 0, finished.Error);
        return JsonDocument.Parse(finished.Output).RootElement;
    }
}
