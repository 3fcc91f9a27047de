namespace Sana.GraphBuilder.Configs;

/// <summary>config.json of an image classifier (transformers' ViTForImageClassification), as Falconsai/nsfw_image_detection is published.</summary>
/// <param name="Vit">The network before the last layer.</param>
/// <param name="Labels">Of each output, in their order: <c>id2label</c>.</param>
internal sealed record VitClassifierConfig(VitConfig Vit, IReadOnlyList<string> Labels)
{
    /// <summary>Also what the names of the network's tensors begin with.</summary>
    public const string ModelType = "vit";

    private const int MostLabels = 100_000;

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static VitClassifierConfig Load(string file)
    {
        var json = JsonConfig.Load(file);
        var vit = VitConfig.Load(json);
        // The other kinds give each label a probability of its own, or a number that is none.
        json.Word("problem_type", "single_label_classification", "single_label_classification");
        var labels = json.Labels("id2label", MostLabels);
        json.RefuseOthers(VitConfig.Harmless);
        return new VitClassifierConfig(vit, labels);
    }

    /// <summary>The tensors, in forward order.</summary>
    public IEnumerable<ExpectedTensor> Tensors() => VitTensors.All(Vit, ModelType).Concat(VitTensors.Linear("classifier", Vit.HiddenSize, Labels.Count));
}

/// <summary>The tensors of diffusers' StableDiffusionSafetyChecker, in forward order. Published files say <c>vision_model.vision_model.…</c> for the tower.</summary>
internal static class SafetyCheckerTensors
{
    public const string Prefix = "vision_model.";
    public const int MostConcepts = 10_000;

    /// <param name="config">Of the image tower.</param>
    /// <param name="concepts">How many there are.</param>
    /// <param name="special">Of them those that make others count sooner.</param>
    public static IEnumerable<ExpectedTensor> All(ClipConfig config, long concepts, long special) => ClipTensors.Vision(config).Concat(
    [
        new("concept_embeds", concepts, config.ProjectionDim),
        new("concept_embeds_weights", concepts),
        new("special_care_embeds", special, config.ProjectionDim),
        new("special_care_embeds_weights", special),
    ]);
}
