using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>A checkpoint is what is in it, wherever its folder is; its name is that of its repository.</summary>
public sealed class CheckpointIdentityTests : IDisposable
{
    private readonly TempFolder _folder = new();

    // As the cache of the Hub has it: models--owner--name/snapshots/<revision>.
    private string Snapshot => _folder.File("hub/models--acme--still-life/snapshots/0123456789abcdef0123456789abcdef01234567");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_checkpoint_that_was_moved_goes_on_with_its_run_and_is_recorded_under_its_new_name()
    {
        SmallCheckpoint.CopyTo(_folder.File("one"));
        var first = await Generate(_folder.File("one"), "--images", "1");
        Directory.Move(_folder.File("one"), _folder.File("two"));
        var moved = await Generate(_folder.File("two"), "--images", "1");
        var other = await Generate(_folder.File("two"), "--images", "2");
        Directory.CreateDirectory(Path.GetDirectoryName(Snapshot)!);
        Directory.Move(_folder.File("two"), Snapshot);
        var cached = await Generate(Snapshot, "--images", "1");

        Assert.Equal((1, 0), (Count(first, "made"), Count(first, "skipped")));
        Assert.Equal((0, 1), (Count(moved, "made"), Count(moved, "skipped")));
        Assert.Equal((0, 1), (Count(cached, "made"), Count(cached, "skipped")));
        Assert.Equal(Text(first, "run_id"), Text(moved, "run_id"));
        Assert.Equal(Text(first, "run_id"), Text(cached, "run_id"));
        Assert.Equal("one", NameIn($"runs/{Text(first, "run_id")}/config.json"));
        Assert.Equal(["two", "two"], Records(Text(other, "run_id")));
    }

    [Fact]
    public async Task The_name_is_the_repositorys_and_no_snapshots_hash_on_every_face()
    {
        SmallCheckpoint.CopyTo(Snapshot);

        var run = await Generate(Snapshot, "--images", "1");
        var info = await SanaProgram.Run("info", Snapshot);
        var eval = await SanaProgram.Run(
            "eval", "-c", Snapshot, "--prompts-per-category", "1", "--images", "1", "--main-steps", "1", "--side", "64",
            "--steps", "none", "--guidance", "none", "--out", _folder.File("eval"));

        Assert.Equal("acme/still-life", NameIn($"runs/{Text(run, "run_id")}/config.json"));
        Assert.Equal("acme/still-life", NameIn($"runs/{Text(run, "run_id")}/manifest.json", "config"));
        Assert.Equal(["acme/still-life"], Records(Text(run, "run_id")));
        var picture = Assert.Single(Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories));
        Assert.Contains("acme/still-life", System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(picture)), StringComparison.Ordinal);
        Assert.StartsWith("acme/still-life: ", info.Output, StringComparison.Ordinal);
        Assert.True(eval.ExitCode == 0, eval.Error);
        Assert.Equal("acme/still-life", JsonElement.Parse(await File.ReadAllTextAsync(_folder.File("eval/eval.json"))).GetProperty("checkpoint").GetString());
    }

    private async Task<JsonElement> Generate(string checkpoint, params string[] arguments)
    {
        var run = await SanaProgram.Run(
        [
            "generate", "-c", checkpoint, "-p", "a cat", "--width", "64", "--height", "64", "--steps", "1", "--no-binning",
            "-o", _folder.File("out"), "--json", .. arguments,
        ]);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonElement.Parse(run.Output);
    }

    private string?[] Records(string runId) => [.. Directory.GetFiles(_folder.File($"out/runs/{runId}/images"), "*.json", SearchOption.AllDirectories)
        .Order(StringComparer.Ordinal).Select(file => NameIn(Path.GetRelativePath(_folder.File("out"), file)))];

    private string? NameIn(string blob, params string[] under)
    {
        var root = JsonElement.Parse(File.ReadAllText(_folder.File($"out/{blob}")));
        return under.Aggregate(root, (part, name) => part.GetProperty(name)).GetProperty("model").GetProperty("name").GetString();
    }

    private static int Count(JsonElement summary, string name) => Find(summary, name).GetInt32();

    private static string Text(JsonElement summary, string name) => Find(summary, name).GetString()!;

    private static JsonElement Find(JsonElement summary, string name) =>
        summary.TryGetProperty(name, out var own) ? own : summary.GetProperty("summary").GetProperty(name);
}
