using Sana.Workflows.Contract;

namespace Sana.Workflows;

/// <summary>The two orchestrations by name: what a client starts.</summary>
public static class Jobs
{
    /// <summary>Prompts to images, outcome lists and manifest.</summary>
    public static readonly Workflow<GenerateRequest, GenerateSummary> Generate = new("generate-images");

    /// <summary>A source of images to an index and a manifest.</summary>
    public static readonly Workflow<CurateRequest, CurateSummary> Curate = new("curate-dataset");
}
