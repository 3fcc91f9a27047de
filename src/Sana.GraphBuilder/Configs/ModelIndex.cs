namespace Sana.GraphBuilder.Configs;

/// <summary>model_index.json: which pipeline the folder is for.</summary>
/// <param name="ClassName">SanaPipeline, SanaPAGPipeline or SanaSprintPipeline.</param>
internal sealed record ModelIndex(string ClassName)
{
    /// <exception cref="CheckpointException">It is missing, or names another kind of model.</exception>
    public static ModelIndex Load(string file) =>
        new(JsonConfig.Load(file).Word("_class_name", null, "SanaPipeline", "SanaPAGPipeline", "SanaSprintPipeline"));
}
