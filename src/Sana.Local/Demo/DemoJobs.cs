using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Local.Demo;

/// <summary>The jobs of the demo: what <c>sana curate</c> and <c>sana generate</c> would be asked for.</summary>
internal static class DemoJobs
{
    /// <summary>Chosen on the sweep of <c>sana eval</c>.</summary>
    private const float Guidance = 4.5f;

    private const int BatchSize = 4;

    /// <summary>The adapter of <see cref="Restyle"/>, as the host knows it.</summary>
    public const string Adapter = "delft";

    /// <summary>Prompts of the gallery that are drawn with the adapter too: its first batches, so that each image begins from the same noise.</summary>
    public const int Restyled = 2 * BatchSize;

    /// <summary>Two captioners and the captions that came with the images; the best by CLIP score is chosen. Two judges leave images out.</summary>
    public static CurationJob Curate(string source, ShippedModels models) => new(source, "still-lifes", "v1", Since: null, new CurationSettings
    {
        Captioners = Captioners(models),
        Clip = models.Clip,
        Ingest = new IngestOptions { Output = ImageFormat.Png },
        // Two small objects on one background look alike to a perceptual hash.
        Duplicates = new DuplicateOptions { MaxDistance = null },
        Selection = new SelectionOptions { Rule = SelectionRule.Max, Threshold = 0 },
    });

    public static GenerateJob Generate() => Generate(DemoPrompts.All, adapters: null);

    /// <summary>The first prompts once more, with the adapter.</summary>
    public static GenerateJob Restyle() => Generate([.. DemoPrompts.All.Take(Restyled)], new AdapterUses([new AdapterUse(Adapter)]));

    /// <summary>The prompts of the gallery but those for signs, which are held back, with several candidates of each image, of which the small CLIP keeps one.</summary>
    public static GenerateJob Choose() => Generate([.. DemoPrompts.All.Where(prompt => !prompt.Contains("a sign that says", StringComparison.Ordinal))], adapters: null) with { BestOf = new BestOf(Candidates) { Judges = [Fit] } };

    private static GenerateJob Generate(IReadOnlyList<string> prompts, AdapterUses? adapters) => new()
    {
        Prompts = PromptFile.Of(prompts),
        Options = new GenerateOptions { Guidance = Guidance, Adapters = adapters },
        Seed = 1,
        BatchSize = BatchSize,
    };

    /// <summary>Probability of lettering above which an image is left out of the dataset, and withheld when it was painted.</summary>
    public const double MaxLettering = 0.5;

    /// <summary>Label of the judge of lettering.</summary>
    public const string Lettering = "lettering";

    /// <summary>Tidiness, 1…10, below which an image is left out of the dataset.</summary>
    public const double MinTidiness = 3.5;

    /// <summary>Candidates of each image of <see cref="Choose"/>.</summary>
    public const int Candidates = 4;

    /// <summary>Label of the judge that compares an image with its prompt.</summary>
    public const string Fit = "fit";

    /// <summary>Label of the judge of tidiness.</summary>
    public const string Tidiness = "tidiness";

    /// <summary>The judges of the painted images, as a file of <c>--judges</c>.</summary>
    public static string Gate(ShippedModels models) => Text(new JsonObject { ["judges"] = new JsonArray(LetteringOf(models), TidinessOf(models, min: null), new JsonObject { ["label"] = Fit, ["kind"] = "clip", ["checkpoint"] = models.Clip }) });

    private static string Captioners(ShippedModels models) => Text(new JsonObject
    {
        ["judges"] = new JsonArray(LetteringOf(models), TidinessOf(models, MinTidiness)),
        ["captioners"] = new JsonArray([.. models.Captioners.Select(one => new JsonObject { ["label"] = one.Label, ["kind"] = "onnx", ["checkpoint"] = one.Checkpoint, ["min_words"] = 2 })]),
    });

    private static JsonObject LetteringOf(ShippedModels models) =>
        new() { ["label"] = Lettering, ["kind"] = "classifier", ["checkpoint"] = models.Lettering, ["class"] = "lettering", ["max"] = MaxLettering };

    private static JsonObject TidinessOf(ShippedModels models, double? min)
    {
        var judge = new JsonObject { ["label"] = Tidiness, ["kind"] = "aesthetic", ["checkpoint"] = models.Tidiness, ["clip"] = models.Clip };
        if (min is not null)
            judge["min"] = min;
        return judge;
    }

    private static string Text(JsonObject file) => file.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
}

/// <summary>What the gallery shows. Many of these combinations were never trained on.</summary>
internal static class DemoPrompts
{
    public static IReadOnlyList<string> All { get; } =
    [
        "a large red heart in the middle on a pale pink dotted background",
        "a blue star to the left of a yellow moon",
        "three purple rings",
        "a green triangle above an orange square",
        "four teal hearts on a cream striped background",
        "a small black cross at the top left on a pale green shaded background",
        "a still life of a pink circle to the right of a brown star",
        "two yellow triangles",
        "a sign that says \"tea\" above a red circle",
        "a large teal moon in the middle on a plain grey background",
        "an orange star, a blue circle and a green heart in a row",
        "a purple square below a yellow star",
        "four black rings on a pale blue checked background",
        "a large pink star on the right on a plain cream background",
        "a red triangle to the left of a green ring",
        "two blue crosses on a pale pink striped background",
        "a brown heart above a teal circle",
        "a medium orange moon at the bottom right",
        "three red squares on a pale blue dotted background",
        "a yellow circle and a purple triangle",
        "a sign that says \"sun\" above a yellow star",
        "a large blue ring to the left of a small orange heart on a pale green plain background",
        "four green stars",
        "a black moon to the right of a pink cross",
    ];
}
