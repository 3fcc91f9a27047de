using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>The folder list is the flow, and a file is one idea.</summary>
public sealed class SourceTreeTests
{
    private const int MostLines = 300;
    private static readonly string[] _kindsOfClass = ["Common", "Shared", "Helpers", "Utils", "Utilities", "Misc", "Enums", "Interfaces", "Extensions", "Services", "Managers", "Base"];

    [Fact]
    public void No_file_is_longer_than_one_reading() => Assert.All(
        Directory.EnumerateFiles(Repository.Source, "*.cs", SearchOption.AllDirectories),
        file => Assert.True(File.ReadLines(file).Count() <= MostLines, $"{file} has more than {MostLines} lines; it holds two ideas."));

    [Fact]
    public void Folders_are_stages_of_the_flow_and_not_kinds_of_class() => Assert.All(
        Directory.EnumerateDirectories(Repository.Source, "*", SearchOption.AllDirectories),
        folder => Assert.DoesNotContain(Path.GetFileName(folder), _kindsOfClass, StringComparer.OrdinalIgnoreCase));
}
