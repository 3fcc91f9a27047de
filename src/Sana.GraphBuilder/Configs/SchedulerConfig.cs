namespace Sana.GraphBuilder.Configs;

/// <summary>scheduler/scheduler_config.json. A checkpoint with another sampler, or with settings of the sampler that are not implemented, is refused.</summary>
internal sealed record SchedulerConfig
{
    public const string FlowDpm = "DPMSolverMultistepScheduler";
    public const string FlowEuler = "FlowMatchEulerDiscreteScheduler";
    public const string Scm = "SCMScheduler";

    public required string ClassName { get; init; }

    /// <summary>How far sigmas are shifted towards noise: 3 for most checkpoints, 6 for 4K.</summary>
    public required double FlowShift { get; init; }

    /// <summary>Standard deviation of latents that Sprint assumes.</summary>
    public required double SigmaData { get; init; }

    /// <exception cref="CheckpointException">It is missing, out of range, or another sampler.</exception>
    public static SchedulerConfig Load(string file)
    {
        var json = JsonConfig.Load(file);
        var name = json.Word("_class_name", null, FlowDpm, FlowEuler, Scm);
        json.Integer("num_train_timesteps", 1000, 1000, 1000);
        switch (name)
        {
            case FlowDpm:
                json.Word("prediction_type", null, "flow_prediction");
                json.Word("algorithm_type", "dpmsolver++", "dpmsolver++");
                json.Word("solver_type", "midpoint", "midpoint");
                json.Word("final_sigmas_type", "zero", "zero");
                json.Integer("solver_order", 2, 2, 2);
                json.Only("use_flow_sigmas", true);
                json.Only("lower_order_final", true);
                json.Only("euler_at_final", false);
                json.Only("thresholding", false);
                break;
            case FlowEuler:
                json.Only("use_dynamic_shifting", false);
                break;
            default:
                json.Word("prediction_type", "trigflow", "trigflow");
                break;
        }

        return new SchedulerConfig
        {
            ClassName = name,
            FlowShift = json.Number(name == FlowEuler ? "shift" : "flow_shift", 0.001, 1000, name == Scm ? 1 : 3),
            SigmaData = json.Number("sigma_data", 1e-6, 1e6, 0.5),
        };
    }
}

/// <summary>model_index.json: which pipeline the folder is for.</summary>
/// <param name="ClassName">SanaPipeline, SanaPAGPipeline or SanaSprintPipeline.</param>
internal sealed record ModelIndex(string ClassName)
{
    /// <exception cref="CheckpointException">It is missing, or names another kind of model.</exception>
    public static ModelIndex Load(string file) =>
        new(JsonConfig.Load(file).Word("_class_name", null, "SanaPipeline", "SanaPAGPipeline", "SanaSprintPipeline"));
}
