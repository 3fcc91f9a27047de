using System.Text.Json.Serialization;

namespace Sana.Curation;

/// <summary>One judge of images, as configurations and reports state it.</summary>
/// <param name="Label">Its label.</param>
/// <param name="Kind">aesthetic, classifier, safety-checker, clip, prompt or onnx.</param>
/// <param name="Column">Name of the column of its scores.</param>
/// <param name="Model">Name of the checkpoint or file behind it.</param>
/// <param name="Fingerprint">Of what its scores depend on.</param>
/// <param name="Unit">What its scores mean, in words.</param>
public sealed record JudgeCard(string Label, string Kind, string Column, string Model, string Fingerprint, string Unit)
{
    /// <value>Whether scores are probabilities or cosines, which reports draw in hundredths. Default true.</value>
    public bool IsFraction { get; init; } = true;

    /// <value>Whether it reads the prompt before an image is made, and not the image.</value>
    [JsonIgnore]
    public bool ReadsPrompts => Kind == "prompt";

    /// <value>The label of the network whose probability is the score; null for other kinds than classifiers.</value>
    public string? Class { get; init; }

    /// <value><c>w8a8</c> where it reads a CLIP in eight bits; null in float32.</value>
    public string? Precision { get; init; }

    /// <value>An image that scores less is left out; null for no limit.</value>
    public double? Min { get; init; }

    /// <value>An image that scores more is left out; null for no limit.</value>
    public double? Max { get; init; }

    /// <summary>Why an image with this score is left out; null where it stays.</summary>
    /// <param name="score">Null where the network gave no finite number.</param>
    public string? Fault(double? score) => (Min, Max, score) switch
    {
        (null, null, _) => null,
        (_, _, null) => $"{Model} gave no finite number for {Column}, which has a limit.",
        ({ } min, _, { } value) when value < min => FormattableString.Invariant($"Its {Column} {value:0.####} is below {min}."),
        (_, { } max, { } value) when value > max => FormattableString.Invariant($"Its {Column} {value:0.####} is above {max}."),
        _ => null,
    };
}

/// <summary>What one judge says of an image.</summary>
/// <param name="Label">The judge's label.</param>
/// <param name="Score">On the judge's own scale; null where its network gave no finite number.</param>
public sealed record JudgeScore(string Label, double? Score);
