using Sana.Workflows.Durable;
using Sana.Workflows.Orchestrations;

namespace Sana.Workflows;

/// <summary>The two orchestrations by name: what a client starts.</summary>
public static class Jobs
{
    /// <summary>Prompts to images, outcome lists and manifest.</summary>
    public static readonly Orchestration<GenerateRequest, GenerateSummary> Generate = new(nameof(GenerateImages));

    /// <summary>A source of images to an index and a manifest.</summary>
    public static readonly Orchestration<CurateRequest, CurateSummary> Curate = new(nameof(CurateDataset));
}
