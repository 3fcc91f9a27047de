using Xunit;

namespace Sana.Tests.Support;

/// <summary>Compares a text with the approved one in <c>Approvals</c>; a difference leaves the new text beside it as <c>.received.txt</c>.</summary>
internal static class Approve
{
    public static void Text(string name, string text)
    {
        var (approved, received) = (Path.Combine(Folder(), $"{name}.approved.txt"), Path.Combine(Folder(), $"{name}.received.txt"));
        var expected = File.Exists(approved) ? File.ReadAllText(approved).ReplaceLineEndings("\n") : "";
        if (expected == text)
        {
            File.Delete(received);
            return;
        }

        File.WriteAllText(received, text);
        Assert.Fail($"{name} differs from what was approved: read {received}, and if it is right rename it to {Path.GetFileName(approved)}.");
    }

    private static string Folder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "tests", "Sana.Tests", "Approvals");
            if (Directory.Exists(candidate))
                return candidate;
        }

        throw new DirectoryNotFoundException($"No tests/Sana.Tests/Approvals above {AppContext.BaseDirectory}.");
    }
}
