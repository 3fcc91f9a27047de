using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Precision;

/// <summary>What the networks compute in, from the command line to manifest and records.</summary>
public sealed class PrecisionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ShippedModel _model = new("tiny-sana");

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Eight_bits_are_another_run_and_every_record_says_so()
    {
        File.WriteAllText(_folder.File("prompts.txt"), "a red circle\n");

        var exact = await Generate("--out", _folder.File("out"));
        var eightBits = await Generate("--out", _folder.File("out"), "--precision", "w8a8");
        var again = await Generate("--out", _folder.File("out"), "--precision", "w8a8");

        Assert.NotEqual(exact.GetProperty("run_id").GetString(), eightBits.GetProperty("run_id").GetString());
        Assert.Equal((1, 0), (eightBits.GetProperty("made").GetInt32(), eightBits.GetProperty("skipped").GetInt32()));
        Assert.Equal((0, 1), (again.GetProperty("made").GetInt32(), again.GetProperty("skipped").GetInt32()));
        Assert.False(Model(exact).TryGetProperty("precision", out _));
        Assert.Equal("w8a8", Model(eightBits).GetProperty("precision").GetString());
        Assert.NotEqual(Model(exact).GetProperty("fingerprint").GetString(), Model(eightBits).GetProperty("fingerprint").GetString());
        var records = Directory.EnumerateFiles(_folder.File($"out/runs/{eightBits.GetProperty("run_id").GetString()}"), "*.json", SearchOption.AllDirectories).Select(File.ReadAllText);
        Assert.Contains(records, text => text.Contains("sana.image/1", StringComparison.Ordinal) && text.Contains("\"precision\":\"w8a8\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_data_folder_and_its_sana_json_remember_the_precision()
    {
        File.WriteAllText(_folder.File("prompts.txt"), "a blue star\n");
        Directory.CreateDirectory(_folder.File("data"));
        File.WriteAllText(_folder.File("data/sana.json"), """{ "precision": "w8a8" }""");

        var byFile = await Generate("--data", _folder.File("data"));
        var byOption = await Generate("--data", _folder.File("data"), "--precision", "float32");

        Assert.Equal("w8a8", Model(byFile).GetProperty("precision").GetString());
        Assert.False(Model(byOption).TryGetProperty("precision", out _));
    }

    [Theory]
    [InlineData("mixed", "does not run on the processor")]
    [InlineData("int4", "int4")]
    public async Task What_the_device_cannot_do_is_wrong_use(string precision, string sentence)
    {
        File.WriteAllText(_folder.File("prompts.txt"), "a blue star\n");

        var finished = await SanaProgram.Run("generate", "-c", _model.Path, "--prompts", _folder.File("prompts.txt"), "--out", _folder.File("out"), "--precision", precision);

        Assert.Equal(2, finished.ExitCode);
        Assert.Contains(sentence, finished.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("out/runs")));
    }

    [Fact]
    public async Task A_dataset_in_eight_bits_is_another_version_and_its_files_say_so()
    {
        Photographs.Fill(_folder.File("photos"), 3);
        using var clip = new ShippedModel("tiny-clip");
        using var captioner = new ShippedModel("tiny-captioner-terse");
        File.WriteAllText(_folder.File("captioners.json"), $$"""
            {"captioners": [{"label": "terse", "kind": "onnx", "checkpoint": "{{captioner.Path}}", "precision": "w8a8", "min_words": 1, "language": "any"}]}
            """);
        string[] arguments = ["curate", _folder.File("photos"), "--data", _folder.File("data"), "--dataset", "photos", "--captioners", _folder.File("captioners.json"), "--scorer", clip.Path, "--json"];

        var made = await SanaProgram.Run([.. arguments, "--dataset-version", "v1", "--scorer-precision", "w8a8"]);
        var other = await SanaProgram.Run([.. arguments, "--dataset-version", "v1"]);
        var onAGpu = await SanaProgram.Run([.. arguments, "--dataset-version", "v2", "--device", "cuda"]);
        var unknown = await SanaProgram.Run([.. arguments, "--dataset-version", "v2", "--clip-precision", "mixed"]);

        Assert.True(made.ExitCode is 0 or 3, made.Error);
        var config = JsonElement.Parse(File.ReadAllText(_folder.File("data/blobs/datasets/photos/v1/config.json")));
        Assert.Equal("w8a8", config.GetProperty("scorer").GetProperty("precision").GetString());
        Assert.Contains("\"precision\":\"w8a8\"", config.GetProperty("captioners")[0].GetProperty("decoding").GetString(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(clip.Path, "vision_model.w8a8.onnx.data")));
        Assert.NotEqual(0, other.ExitCode);
        Assert.Contains("was made with scorer.fingerprint", other.Error, StringComparison.Ordinal);
        Assert.Equal((2, 2), (onAGpu.ExitCode, unknown.ExitCode));
        Assert.Contains("runs on the processor only", onAGpu.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_of_captioners_and_scorers_is_said_in_both_precisions()
    {
        using var clip = new ShippedModel("tiny-clip");
        using var captioner = new ShippedModel("tiny-captioner-rich");
        foreach (var (folder, networks) in new[] { (clip.Path, "towers"), (captioner.Path, "networks") })
        {
            var said = await SanaProgram.Run("info", folder);
            var json = await SanaProgram.Run("info", folder, "--json");

            Assert.Matches("memory of all [0-9,]+ MiB in float32, [0-9,]+ MiB in w8a8", said.Output);
            Assert.All(JsonElement.Parse(json.Output).GetProperty("checkpoint").GetProperty(networks).EnumerateArray(), network =>
                Assert.InRange(network.GetProperty("eight_bit_bytes").GetInt64(), 1, network.GetProperty("memory_bytes").GetInt64() - 1));
        }
    }

    [Fact]
    public async Task Bench_measures_each_precision_and_what_it_costs()
    {
        var finished = await SanaProgram.Run("bench", "-c", _model.Path, "--images", "2", "--steps", "2", "--side", "64", "--price", "3.6", "--json");

        Assert.True(finished.ExitCode == 0, finished.Error);
        var rows = JsonElement.Parse(finished.Output).GetProperty("precisions").EnumerateArray().ToArray();
        Assert.Equal(["float32", "w8a8"], rows.Select(row => row.GetProperty("precision").GetString()!));
        Assert.All(rows, row =>
        {
            Assert.Equal(0, row.GetProperty("failed").GetInt32());
            Assert.InRange(row.GetProperty("peak_memory_bytes").GetInt64(), 50_000_000, 4_000_000_000);
            // 3.6 an hour is a thousandth a second: 1,000 images cost what one takes in seconds.
            Assert.InRange(row.GetProperty("cost_of1000_images").GetDouble() * row.GetProperty("images_per_second").GetDouble(), 0.95, 1.05);
        });
        Assert.False(rows[0].TryGetProperty("psnr_to_float32", out var none) && none.ValueKind != JsonValueKind.Null);
        Assert.InRange(rows[1].GetProperty("psnr_to_float32").GetDouble(), 30, 99);
    }

    [Fact]
    public async Task Memory_is_planned_for_the_precision()
    {
        var exact = await Plan("float32");
        var eightBits = await Plan("w8a8");

        Assert.InRange(eightBits.GetProperty("peak_bytes").GetInt64(), 1, exact.GetProperty("peak_bytes").GetInt64() - 1);
    }

    private async Task<JsonElement> Plan(string precision)
    {
        var finished = await SanaProgram.Run("info", _model.Path, "--precision", precision, "--json");
        Assert.True(finished.ExitCode == 0, finished.Error);
        var memory = JsonElement.Parse(finished.Output).GetProperty("memory");
        Assert.Equal(precision, memory.GetProperty("precision").GetString());
        return memory;
    }

    private async Task<JsonElement> Generate(params string[] options)
    {
        var finished = await SanaProgram.Run(["generate", "-c", _model.Path, "--prompts", _folder.File("prompts.txt"), "--steps", "2", "--json", .. options]);
        Assert.True(finished.ExitCode == 0, finished.Error);
        return JsonElement.Parse(finished.Output);
    }

    private static JsonElement Model(JsonElement report) =>
        JsonElement.Parse(File.ReadAllText(Path.Combine(report.GetProperty("place").GetString()!["folder ".Length..], report.GetProperty("manifest").GetString()!))).GetProperty("config").GetProperty("model");
}
