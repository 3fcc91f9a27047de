namespace Sana.Tests.Support;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Source { get; } = Path.Combine(Root, "src");

    private static string Find()
    {
        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            if (File.Exists(Path.Combine(up.FullName, "SanaFunctions.sln")))
            {
                return up.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No SanaFunctions.sln above {AppContext.BaseDirectory}; run the tests inside the repository.");
    }
}
