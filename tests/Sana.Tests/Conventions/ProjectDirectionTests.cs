using System.Xml.Linq;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>References point down only: Local and Functions, then Jobs, then Curation, then Inference and Storage. GraphBuilder stands alone.</summary>
public sealed class ProjectDirectionTests
{
    private static readonly string[] _topDown = ["Sana.Local", "Sana.Functions", "TinySana", "Sana.Jobs", "Sana.Curation", "Sana.Inference", "Sana.Storage", "Sana.GraphBuilder", "Sana.StillLife", "DurableTask.Sqlite"];

    public static TheoryData<string> Projects => [.. Directory.EnumerateFiles(Repository.Source, "*.csproj", SearchOption.AllDirectories)];

    [Theory, MemberData(nameof(Projects))]
    public void References_point_down(string project)
    {
        var level = Array.IndexOf(_topDown, Path.GetFileNameWithoutExtension(project));
        var references = XDocument.Load(project).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)).ToArray();

        Assert.True(level >= 0, $"{project} has no place in the order of projects; give it one here and in ARCHITECTURE.md.");
        Assert.All(references, reference => Assert.True(Array.IndexOf(_topDown, reference) > level, $"{project} may not use {reference}."));
        Assert.False(project.EndsWith("Sana.Inference.csproj", StringComparison.Ordinal) && references.Length > 0, "The ONNX file is the contract between GraphBuilder and Inference.");
    }
}
