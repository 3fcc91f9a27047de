using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;

namespace Sana.Local.Demo;

/// <summary>The two jobs of the demo: what <c>sana curate</c> and <c>sana generate</c> would be asked for.</summary>
internal static class DemoJobs
{
    /// <summary>Chosen on the sweep of <c>sana eval</c>.</summary>
    private const float Guidance = 4.5f;

    /// <summary>Two captioners and the captions that came with the images; the best by CLIP score is chosen.</summary>
    public static CurationJob Curate(string source, ShippedModels models) => new(source, "still-lifes", "v1", Since: null, new CurationSettings
    {
        Captioners = Captioners(models),
        Clip = models.Clip,
        Ingest = new IngestOptions { Output = ImageFormat.Png },
        // Two small objects on one background look alike to a perceptual hash.
        Duplicates = new DuplicateOptions { MaxDistance = null },
        Selection = new SelectionOptions { Rule = SelectionRule.Max, Threshold = 0 },
    });

    public static GenerateJob Generate() => new()
    {
        Prompts = PromptFile.Of(DemoPrompts.All),
        Options = new GenerateOptions { Guidance = Guidance },
        Seed = 1,
        BatchSize = 4,
    };

    private static string Captioners(ShippedModels models) => new JsonObject
    {
        ["captioners"] = new JsonArray([.. models.Captioners.Select(one => new JsonObject { ["label"] = one.Label, ["kind"] = "onnx", ["checkpoint"] = one.Checkpoint, ["min_words"] = 2 })]),
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
}
