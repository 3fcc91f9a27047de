namespace Sana.Tests.Support;

/// <summary>What tests need from npm, pinned in tests/packages/package-lock.json.</summary>
internal static class NodePackages
{
    /// <summary>The file of an installed package; its absence is a failure that says what to run.</summary>
    public static string File(params string[] path)
    {
        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            var folder = Path.Combine(up.FullName, "tests", "packages");
            if (!Directory.Exists(folder)) continue;
            var file = Path.Combine([folder, "node_modules", .. path]);
            return System.IO.File.Exists(file) ? file : throw new FileNotFoundException($"{file} is not installed; run: npm ci --prefix {folder}");
        }

        throw new DirectoryNotFoundException($"No tests/packages above {AppContext.BaseDirectory}; run the tests inside the repository.");
    }
}
