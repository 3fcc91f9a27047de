using System.Text.Json.Serialization;

namespace Sana.Curation.Selection;

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
