using System.Diagnostics;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>Where graphs cannot be written the reason is told, and the fix is the one that helps.</summary>
public sealed class BuildPlacesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_full_disk_is_told_as_one()
    {
        SmallCheckpoint.CopyTo(_folder.File("sana"));
        Directory.CreateDirectory(_folder.File("disk"));

        // A disk of 64 KiB, in name spaces of the process's own.
        var disk = _folder.File("disk");
        var run = await Shell($"unshare --user --map-root-user --mount bash -c 'mount -t tmpfs -o size=64k none {disk} || exit 77; {Build} --graphs {disk}'");
        var mayMount = run.ExitCode != 77 && !run.Error.StartsWith("unshare", StringComparison.Ordinal);
        Assert.SkipUnless(mayMount, "This machine lets nobody mount a file system of its own.");

        Told(run, "the disk is full; free some space, or name a folder on another disk by --graphs");
        Assert.Empty(Directory.GetFiles(_folder.File("sana"), "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_limit_on_the_size_of_files_is_told_as_one()
    {
        SmallCheckpoint.CopyTo(_folder.File("sana"));

        // The runtime itself makes large files unless it is told not to.
        var run = await Shell($"export DOTNET_EnableWriteXorExecute=0; ulimit -f 8; exec {Build}");

        Told(run, "files may not be so large here; raise the limit (ulimit -f)");
        Assert.Empty(Directory.GetFiles(_folder.File("sana"), "*.tmp", SearchOption.AllDirectories));
    }

    private string Build => $"{SanaProgram.Executable} build {_folder.File("sana")}";

    private static void Told(Finished run, string fragment)
    {
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(fragment, Assert.Single(run.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("writable", run.Error, StringComparison.Ordinal);
    }

    private static async Task<Finished> Shell(string command)
    {
        var start = new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        return await SanaProgram.Finish(process);
    }
}
