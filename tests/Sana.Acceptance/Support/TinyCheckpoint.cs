namespace Sana.Acceptance.Support;

/// <summary>The reference's small checkpoint, copied: the program writes its graphs beside the weights.</summary>
internal static class TinyCheckpoint
{
    public static string CopyTo(string folder)
    {
        var source = Path.Combine(Fixtures(), "checkpoints", "sana");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(folder, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return folder;
    }

    private static string Fixtures()
    {
        if (Environment.GetEnvironmentVariable("SANA_FIXTURES") is { Length: > 0 } folder)
            return folder;
        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            var candidate = Path.Combine(up.FullName, "tests", "fixtures", "sana");
            if (Directory.Exists(candidate))
                return candidate;
        }

        throw new DirectoryNotFoundException($"No tests/fixtures/sana above {AppContext.BaseDirectory}; set SANA_FIXTURES.");
    }
}
