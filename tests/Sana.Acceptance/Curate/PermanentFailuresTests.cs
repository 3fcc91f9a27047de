using System.Diagnostics;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>Captioners that are of no use until somebody does something about them: a key, a model, an account.</summary>
public sealed class PermanentFailuresTests : IDisposable
{
    private const int Images = 12;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Misbehaviour.Unauthorized, "Incorrect API key")]
    [InlineData(Misbehaviour.NotFound, "does not exist")]
    public async Task A_refused_captioner_is_left_alone_at_once_and_named_in_the_last_lines(Misbehaviour kind, string words)
    {
        Photographs.Fill(_folder.File("photos"), Images);
        await using var good = await CaptionServer.Start();
        await using var bad = await CaptionServer.Start(_ => kind);

        var run = await Curate(Captioner("good", good), Captioner("bad", bad));

        Assert.Equal(3, run.ExitCode);
        Assert.InRange(bad.Calls.Count, 1, 2); // what was in flight at once
        var last = run.Error.TrimEnd().Split('\n')[^1];
        Assert.Contains("bad gave 0 usable captions", last, StringComparison.Ordinal);
        Assert.Contains(words, last, StringComparison.Ordinal);
        Assert.DoesNotContain("Captioner good", run.Error, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^photos v1: \d+ images in datasets/photos/v1/shards/", run.Output);
    }

    [Fact]
    public async Task A_key_that_is_not_set_is_said_first_and_the_other_captioners_go_on()
    {
        Photographs.Fill(_folder.File("photos"), Images);
        await using var good = await CaptionServer.Start();

        var run = await Curate(Captioner("good", good), Captioner("locked", good, ""","api_key_env": "SANA_TEST_NO_SUCH_KEY" """));

        Assert.Equal(3, run.ExitCode);
        var lines = run.Error.TrimEnd().Split('\n');
        Assert.Contains("SANA_TEST_NO_SUCH_KEY", lines[0], StringComparison.Ordinal);
        Assert.Contains("locked gave 0 usable captions", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_every_key_is_missing_nothing_is_begun()
    {
        Photographs.Fill(_folder.File("photos"), Images);
        await using var good = await CaptionServer.Start();
        var clock = Stopwatch.StartNew();

        var run = await Curate(Captioner("locked", good, ""","api_key_env": "SANA_TEST_NO_SUCH_KEY" """));

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("SANA_TEST_NO_SUCH_KEY", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("data/blobs/datasets")), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task A_run_that_put_no_image_into_its_shards_is_no_success()
    {
        Directory.CreateDirectory(_folder.File("photos"));
        File.WriteAllText(_folder.File("photos/a.jpg"), "<html>not found</html>");

        var run = await SanaProgram.Run("curate", _folder.File("photos"), "--data", _folder.File("data"));

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("Nothing came out: 0 images, no captions (not_an_image 1)", run.Error, StringComparison.Ordinal);
    }

    private static string Captioner(string label, CaptionServer server, string more = "") =>
        $$"""{"label": "{{label}}", "endpoint": "{{server.Endpoint}}", "model": "{{label}}", "concurrency": 2{{more}}}""";

    private Task<Finished> Curate(params string[] captioners)
    {
        var file = _folder.File("captioners.json");
        File.WriteAllText(file, $$"""{"captioners": [{{string.Join(',', captioners)}}]}""");
        return SanaProgram.Run("curate", _folder.File("photos"), "--data", _folder.File("data"), "--dataset", "photos", "--captioners", file, "--similar", "-1");
    }
}
