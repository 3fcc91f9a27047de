#if !DEBUG
using System.Reflection.PortableExecutable;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>What is given to others names no folder of the machine that built it: stack traces take their paths from the symbols.</summary>
public sealed class BuildPathsTests
{
    [Theory]
    [InlineData("sana.dll")]
    [InlineData("Sana.Curation.dll")]
    [InlineData("Sana.GraphBuilder.dll")]
    [InlineData("Sana.Inference.dll")]
    [InlineData("Sana.Jobs.dll")]
    [InlineData("Sana.StillLife.dll")]
    [InlineData("Sana.Storage.dll")]
    [InlineData("DurableTask.Sqlite.dll")]
    public void Symbols_name_the_files_of_the_repository_only(string assembly)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly)));
        var entries = file.ReadDebugDirectory();
        using var symbols = file.ReadEmbeddedPortablePdbDebugDirectoryData(entries.Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb));
        var reader = symbols.GetMetadataReader();

        string[] names =
        [
            .. reader.Documents.Select(document => reader.GetString(reader.GetDocument(document).Name)),
            .. entries.Where(entry => entry.Type == DebugDirectoryEntryType.CodeView).Select(entry => file.ReadCodeViewDebugDirectoryData(entry).Path),
        ];

        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.DoesNotContain(Repository.Root, name, StringComparison.Ordinal));
    }
}
#endif
