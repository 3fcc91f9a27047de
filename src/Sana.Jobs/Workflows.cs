using Sana.Jobs.Durable;
using Sana.Jobs.Orchestrations;

namespace Sana.Jobs;

/// <summary>The two orchestrations by name: what a client starts.</summary>
public static class Workflows
{
    /// <summary>Prompts to images, outcome lists and manifest.</summary>
    public static readonly Orchestration<GenerateRequest, GenerateSummary> Generate = new(nameof(GenerateImages));

    /// <summary>A source of images to an index and a manifest.</summary>
    public static readonly Orchestration<CurateRequest, CurateSummary> Curate = new(nameof(CurateDataset));
}
