namespace Sana.GraphBuilder.Configs;

/// <summary>scheduler/scheduler_config.json. A checkpoint with another sampler, or with settings of the sampler that are not implemented, is refused.</summary>
internal sealed record SchedulerConfig
{
    public const string FlowDpm = "DPMSolverMultistepScheduler";
    public const string FlowEuler = "FlowMatchEulerDiscreteScheduler";
    public const string Scm = "SCMScheduler";

    public required string ClassName { get; init; }

    /// <summary>How far sigmas are shifted towards noise: 3 for most checkpoints, 6 for 4K; 1 where the file does not say.</summary>
    public required double FlowShift { get; init; }

    /// <summary>Standard deviation of latents that Sprint assumes.</summary>
    public required double SigmaData { get; init; }

    // Of the flow samplers without effect: betas and what is made of them, where timesteps come from flow sigmas; and what other schedulers left in the file,
    // which the reference passes over.
    private static readonly string[] _harmless =
    [
        "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr", "lambda_min_clipped", "timestep_spacing", "steps_offset",
        "dynamic_thresholding_ratio", "sample_max_value", "clip_sample", "clip_sample_range", "set_alpha_to_one", "skip_prk_steps", "interpolation_type",
        "base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type", "sigma_min", "sigma_max", "shift", "flow_shift", "sigma_data",
        "use_flow_sigmas", "algorithm_type", "solver_type", "solver_order", "lower_order_final", "euler_at_final", "final_sigmas_type", "prediction_type", "thresholding",
    ];

    /// <summary>Reads the file. A value that is missing has the reference's default; a switch that would change the sampling and is not implemented is refused by name.</summary>
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
                if (!json.Flag("use_flow_sigmas", false))
                    throw json.Wrong("use_flow_sigmas", "true, the only form that is supported; a file without it means false");
                json.Only("lower_order_final", true);
                Off(json, "euler_at_final", "thresholding", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas");
                if (json.Has("variance_type"))
                    throw json.Wrong("variance_type", "null, the only form that is supported");
                json.Flag("use_dynamic_shifting", false); // without effect: this solver is never given the shift of an image
                break;
            case FlowEuler:
                Off(json, "use_dynamic_shifting", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "invert_sigmas", "stochastic_sampling");
                // Zero is off, as null is.
                if (json.Has("shift_terminal"))
                    json.Number("shift_terminal", 0, 0);
                break;
            default:
                json.Word("prediction_type", "trigflow", "trigflow");
                json.Number("max_timesteps", 1.5708, 1.5708, 1.5708);
                if (json.IsNull("intermediate_timesteps"))
                    throw json.Wrong("intermediate_timesteps", "1.3, the only form that is supported");
                json.Number("intermediate_timesteps", 1.3, 1.3, 1.3);
                break;
        }

        var shift = name == FlowEuler ? "shift" : "flow_shift";
        if (name != Scm && json.IsNull(shift))
            throw json.Wrong(shift, "a number; a file without it means 1");
        var config = new SchedulerConfig
        {
            ClassName = name,
            FlowShift = name == Scm ? 1 : json.Number(shift, 0.001, 1000, 1),
            SigmaData = json.Number("sigma_data", 1e-6, 1e6, 0.5),
        };
        json.RefuseOthers(_harmless);
        return config;
    }

    private static void Off(JsonConfig json, params ReadOnlySpan<string> switches)
    {
        foreach (var name in switches)
            json.Only(name, false);
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
