using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Eval;

/// <summary><c>sana eval</c> from the command line to its files, but for one test with counts so small that only the way is tested.</summary>
public sealed class EvalTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string[] Few => ["eval", "-c", checkpoint.Path, "--prompts-per-category", "1", "--images", "1", "--sweep-prompts", "1", "--main-steps", "1", "--side", "64", "--steps", "1,2", "--guidance", "none", "--solvers", "flow-euler"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Figures_are_written_and_hold_against_themselves_but_not_against_better_ones()
    {
        var first = await SanaProgram.Run([.. Few, "--out", _folder.File("one"), "--json"]);
        var again = await SanaProgram.Run([.. Few, "--out", _folder.File("two"), "--against", _folder.File("one/eval.json")]);

        Assert.Equal((0, 0), (first.ExitCode, again.ExitCode));
        Assert.Equal(6, JsonElement.Parse(first.Output).GetProperty("report").GetProperty("categories").GetArrayLength());
        Assert.Equal(File.ReadAllText(_folder.File("one/eval.json")), File.ReadAllText(_folder.File("two/eval.json")));

        var better = JsonNode.Parse(File.ReadAllText(_folder.File("one/eval.json")))!;
        foreach (var row in better["categories"]!.AsArray())
            (row!["figure"]!["images"], row["figure"]!["met"], row["figure"]!["share"]) = (500, 500, 1.0);
        File.WriteAllText(_folder.File("better.json"), better.ToJsonString());
        var worse = await SanaProgram.Run([.. Few, "--out", _folder.File("three"), "--against", _folder.File("better.json")]);

        Assert.Equal(1, worse.ExitCode);
        Assert.Contains("share of prompts met went from 1 to 0", worse.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_small_Sana_follows_its_prompts_as_its_baseline_says()
    {
        using var sana = new ShippedModel("tiny-sana");

        var finished = await SanaProgram.Run(
            "eval", "-c", sana.Path, "--prompts-per-category", "12", "--images", "1", "--steps", "none", "--guidance", "none", "--out", _folder.File("eval"), "--against", Path.Combine(sana.Path, "baseline.json"));

        Assert.True(finished.ExitCode == 0, finished.Error);
    }

    [Theory]
    [InlineData("--steps", "4,x", "'x' is not")]
    [InlineData("--solvers", "ddim", "'ddim' is not")]
    [InlineData("--layout", "geneval", "together")]
    [InlineData("--against", "nowhere.json", "no report")]
    [InlineData("--clip", "nowhere", "no checkpoint of CLIP or SigLIP")]
    public async Task Wrong_use_is_said_in_one_sentence(string option, string value, string sentence)
    {
        var finished = await SanaProgram.Run("eval", "-c", checkpoint.Path, option, value, "--out", _folder.File("out"));

        Assert.Equal(2, finished.ExitCode);
        Assert.Contains(sentence, finished.Error, StringComparison.Ordinal);
    }
}
