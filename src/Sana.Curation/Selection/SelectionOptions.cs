using System.Text.Json.Serialization;
using Sana.Inference.Clip;

namespace Sana.Curation.Selection;

/// <summary>How the caption to train on is chosen. Scores are on the 0…100 scale (100 × cosine).</summary>
public sealed record SelectionOptions
{
    /// <summary>τ below this counts as this under <see cref="SelectionRule.Power"/>, as in Sana's code.</summary>
    public const double LeastPowerTau = 0.01;

    /// <value>Default <see cref="SelectionRule.Power"/>, what Sana trains with.</value>
    public SelectionRule Rule { get; init; } = SelectionRule.Power;

    /// <value>
    /// Temperature of power and softmax (<c>clip_thr_temperature</c>), 0…1000: near 0 the best caption nearly always, large all alike. Default 0.1, as Sana's
    /// configurations.
    /// </value>
    public double Tau { get; init; } = 0.1;

    /// <value>
    /// Name of the scorer whose scores count, with the thresholds below and the window score, as in its column <c>clip_score__{name}</c>; null: the only one,
    /// or the first that the run was given.
    /// </value>
    public string? Scorer { get; init; }

    /// <summary>The threshold of scores by CLIP, as Sana's configurations.</summary>
    public const double ClipThreshold = 25;

    /// <summary>The threshold of scores by SigLIP, whose good captions score 5…20.</summary>
    public const double SiglipThreshold = 10;

    /// <value>
    /// Captions that score less are not drawn (<c>clip_thr</c>), 0…100; when none passes, the best is taken. Default null, which is that of the scorer's
    /// family: <see cref="ClipThreshold"/> or <see cref="SiglipThreshold"/>.
    /// </value>
    public double? Threshold { get; init; }

    /// <value>
    /// Images that score less are dropped with <see cref="Reasons.ImageScore"/> (<c>del_img_clip_thr</c>), 0…100. Default 0, none; Sana-1.5 and Sprint use 22, by CLIP.
    /// As in Sana's batch sampler the image's score is that of its original caption; where that has none it is the best score, and an image without any score
    /// stays.
    /// </value>
    public double ImageThreshold { get; init; }

    /// <value>How many of the best <see cref="SelectionRule.TopK"/> draws from, 1…100. Default 3.</value>
    public int K { get; init; } = 3;

    /// <value>
    /// Weight of each label for <see cref="SelectionRule.Proportion"/> (<c>caption_proportion</c>), 0 or more; labels that are not named have 0. Default: only
    /// <c>prompt</c>.
    /// </value>
    public IReadOnlyDictionary<string, double> Proportions { get; init; } = new Dictionary<string, double> { [Candidate.OriginalLabel] = 1 };

    /// <value>Any number; other seeds draw other captions. Default 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Refuses what is out of range.</summary>
    /// <exception cref="CurationException">A sentence with the value, the limit and the fix.</exception>
    public SelectionOptions Check()
    {
        if (!Enum.IsDefined(Rule))
            throw new CurationException($"Selection rule {(int)Rule} is unknown; use power, softmax, max, top-k or proportion.");
        InRange("tau", Tau, 0, 1000, "0.1");
        InRange("threshold", Threshold ?? 0, 0, 100, "25 for CLIP, 10 for SigLIP (scores are 100 × cosine)");
        InRange("image threshold", ImageThreshold, 0, 100, "22 for CLIP, or 0 to drop none (scores are 100 × cosine)");
        InRange("k", K, 1, 100, "3");
        foreach (var (label, weight) in Proportions)
            InRange($"weight of '{label}'", weight, 0, 1e9, "1");
        if (Rule == SelectionRule.Proportion && !Proportions.Values.Any(weight => weight > 0))
            throw new CurationException("Selection by proportion needs a label with a weight above 0; give one, such as prompt: 1.");
        return this;
    }

    /// <summary>The same with the threshold that a family has where none is given.</summary>
    public SelectionOptions For(ScorerFamily family) =>
        Threshold is not null ? this : this with { Threshold = family == ScorerFamily.Siglip ? SiglipThreshold : ClipThreshold };

    private static void InRange(string name, double value, double least, double most, string fix)
    {
        if (!(value >= least && value <= most))
            throw new CurationException(FormattableString.Invariant($"Selection: {name} {value} is outside {least}…{most}; use {fix}."));
    }
}

/// <summary>How one caption of several is chosen.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SelectionRule>))]
public enum SelectionRule
{
    /// <summary>Sana's released code: weight score^(1/τ) among the captions that pass the threshold.</summary>
    [JsonStringEnumMemberName("power")]
    Power,

    /// <summary>Sana's paper: weight exp(score/τ). The paper has no threshold; give 0 for its exact form.</summary>
    [JsonStringEnumMemberName("softmax")]
    Softmax,

    /// <summary>The best score.</summary>
    [JsonStringEnumMemberName("max")]
    Max,

    /// <summary>One of the k best that pass the threshold, each as likely as the other.</summary>
    [JsonStringEnumMemberName("top-k")]
    TopK,

    /// <summary>By weights that labels are given, among the captions that are there; scores do not count.</summary>
    [JsonStringEnumMemberName("proportion")]
    Proportion,
}

/// <summary>The rules by the names that rows, configurations and manifests use.</summary>
public static class SelectionRules
{
    /// <summary>power, softmax, max, top-k or proportion.</summary>
    public static string Name(this SelectionRule rule) => rule switch
    {
        SelectionRule.Power => "power",
        SelectionRule.Softmax => "softmax",
        SelectionRule.Max => "max",
        SelectionRule.TopK => "top-k",
        SelectionRule.Proportion => "proportion",
        _ => throw new ArgumentOutOfRangeException(nameof(rule), rule, "No such rule."),
    };

    /// <summary>The rule of a name.</summary>
    /// <exception cref="CurationException">There is none of that name.</exception>
    public static SelectionRule Parse(string name) => Enum.GetValues<SelectionRule>().Cast<SelectionRule?>().FirstOrDefault(rule => rule!.Value.Name() == name)
        ?? throw new CurationException($"Selection rule '{name}' is unknown; use power, softmax, max, top-k or proportion.");
}
