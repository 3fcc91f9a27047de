using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Configs;

/// <summary>Defaults and switches of the reference's scheduler classes.</summary>
public sealed class SchedulerConfigTests : IDisposable
{
    private const string Dpm = "\"_class_name\":\"DPMSolverMultistepScheduler\",\"prediction_type\":\"flow_prediction\",\"use_flow_sigmas\":true";
    private const string Euler = "\"_class_name\":\"FlowMatchEulerDiscreteScheduler\"";
    private const string Scm = "\"_class_name\":\"SCMScheduler\"";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Dpm, 1)]
    [InlineData(Dpm + ",\"flow_shift\":3", 3)]
    [InlineData(Dpm + ",\"shift\":3", 1)]
    [InlineData(Euler, 1)]
    [InlineData(Euler + ",\"shift\":3.0", 3)]
    [InlineData(Euler + ",\"flow_shift\":3.0", 1)]
    [InlineData(Scm + ",\"sigma_data\":0.5", 1)]
    public void A_shift_that_is_missing_is_one(string config, double shift) => Assert.Equal(shift, Load(config).FlowShift);

    [Theory]
    [InlineData(Dpm + ",\"use_dynamic_shifting\":true,\"flow_shift\":3")]
    [InlineData(Dpm + ",\"beta_start\":0.0001,\"beta_end\":0.02,\"beta_schedule\":\"linear\",\"trained_betas\":null,\"lambda_min_clipped\":-Infinity,\"timestep_spacing\":\"linspace\",\"steps_offset\":1,\"rescale_betas_zero_snr\":true")]
    [InlineData(Dpm + ",\"use_karras_sigmas\":false,\"use_beta_sigmas\":null,\"variance_type\":null,\"clip_sample\":true,\"set_alpha_to_one\":true")]
    [InlineData(Euler + ",\"base_shift\":0.5,\"max_shift\":1.15,\"base_image_seq_len\":256,\"max_image_seq_len\":4096,\"shift_terminal\":0,\"time_shift_type\":\"exponential\"")]
    [InlineData(Scm + ",\"max_timesteps\":1.5708,\"intermediate_timesteps\":1.3,\"clip_sample\":true,\"thresholding\":true,\"timestep_spacing\":\"leading\"")]
    public void What_has_no_effect_in_the_reference_is_passed_over(string config) => Load(config);

    [Theory]
    [InlineData(Dpm + ",\"use_karras_sigmas\":true", "use_karras_sigmas")]
    [InlineData(Dpm + ",\"use_exponential_sigmas\":true", "use_exponential_sigmas")]
    [InlineData(Dpm + ",\"use_beta_sigmas\":true", "use_beta_sigmas")]
    [InlineData(Dpm + ",\"use_lu_lambdas\":true", "use_lu_lambdas")]
    [InlineData(Dpm + ",\"euler_at_final\":true", "euler_at_final")]
    [InlineData(Dpm + ",\"thresholding\":true", "thresholding")]
    [InlineData(Dpm + ",\"lower_order_final\":false", "lower_order_final")]
    [InlineData(Dpm + ",\"solver_type\":\"heun\"", "solver_type")]
    [InlineData(Dpm + ",\"solver_order\":3", "solver_order")]
    [InlineData(Dpm + ",\"algorithm_type\":\"sde-dpmsolver++\"", "algorithm_type")]
    [InlineData(Dpm + ",\"final_sigmas_type\":\"sigma_min\"", "final_sigmas_type")]
    [InlineData(Dpm + ",\"variance_type\":\"learned\"", "variance_type")]
    [InlineData(Dpm + ",\"flow_shift\":null", "flow_shift")]
    [InlineData(Dpm + ",\"use_a_new_rule\":true", "use_a_new_rule")]
    [InlineData("\"_class_name\":\"DPMSolverMultistepScheduler\",\"prediction_type\":\"flow_prediction\"", "use_flow_sigmas")]
    [InlineData("\"_class_name\":\"DPMSolverMultistepScheduler\",\"use_flow_sigmas\":true", "prediction_type")]
    [InlineData(Euler + ",\"use_dynamic_shifting\":true", "use_dynamic_shifting")]
    [InlineData(Euler + ",\"use_karras_sigmas\":true", "use_karras_sigmas")]
    [InlineData(Euler + ",\"use_exponential_sigmas\":true", "use_exponential_sigmas")]
    [InlineData(Euler + ",\"use_beta_sigmas\":true", "use_beta_sigmas")]
    [InlineData(Euler + ",\"invert_sigmas\":true", "invert_sigmas")]
    [InlineData(Euler + ",\"stochastic_sampling\":true", "stochastic_sampling")]
    [InlineData(Euler + ",\"shift_terminal\":0.02", "shift_terminal")]
    [InlineData(Euler + ",\"shift\":null", "shift")]
    [InlineData(Scm + ",\"max_timesteps\":1.5", "max_timesteps")]
    [InlineData(Scm + ",\"intermediate_timesteps\":1.1", "intermediate_timesteps")]
    [InlineData(Scm + ",\"intermediate_timesteps\":null", "intermediate_timesteps")]
    [InlineData(Scm + ",\"prediction_type\":\"epsilon\"", "prediction_type")]
    public void A_switch_that_changes_the_sampling_is_refused_by_its_name(string config, string name) =>
        Assert.Contains(name, Assert.Throws<CheckpointException>(() => Load(config)).Message, StringComparison.Ordinal);

    private SchedulerConfig Load(string fields)
    {
        var file = _folder.File("scheduler_config.json");
        File.WriteAllText(file, "{" + fields + "}");
        return SchedulerConfig.Load(file);
    }
}
