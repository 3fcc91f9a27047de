using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>A run that was begun with one checkpoint and is resumed with another.</summary>
public sealed class OtherCheckpointTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_resume_with_another_checkpoint_is_refused()
    {
        SmallCheckpoint.CopyTo(_folder.File("other"), "sana-sprint");
        File.WriteAllLines(_folder.File("prompts.txt"), Enumerable.Range(0, 100).Select(i => $"prompt {i}"));
        using (var process = SanaProgram.Start(
            "generate", "--checkpoint", checkpoint.Path, "--data", _folder.File("data"), "--prompts", _folder.File("prompts.txt"), "--run", "mine", "--width", "64", "--height", "64", "--steps", "2", "--no-binning"))
        {
            while (!Directory.Exists(_folder.File("data/blobs/runs/mine/images")))
                await Task.Delay(20, TestContext.Current.CancellationToken);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var refused = await SanaProgram.Run("resume", "generate-mine", "--data", _folder.File("data"), "--checkpoint", _folder.File("other"));
        var resumed = await SanaProgram.Run("resume", "generate-mine", "--data", _folder.File("data"), "--checkpoint", checkpoint.Path);

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("The run was begun with checkpoint sha256:", refused.Error, StringComparison.Ordinal);
        Assert.Contains("and this is 'other' sha256:", refused.Error, StringComparison.Ordinal);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("generate-mine Completed", resumed.Output, StringComparison.Ordinal);
    }
}
