using PublicApiGenerator;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Conventions;

/// <summary>What other projects may call. A change here is a decision, so the list is approved.</summary>
public sealed class PublicApiTests
{
    private static readonly ApiGeneratorOptions _options = new() { IncludeAssemblyAttributes = false };

    [Theory]
    [InlineData(typeof(CheckpointException))]
    [InlineData(typeof(InferenceException))]
    public void Public_api_is_approved(Type boundary)
    {
        var api = boundary.Assembly.GeneratePublicApi(_options);

        Approve.Text($"PublicApi-{boundary.Assembly.GetName().Name}", api.ReplaceLineEndings("\n") + "\n");
    }
}
