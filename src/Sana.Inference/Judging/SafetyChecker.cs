namespace Sana.Inference.Judging;

/// <summary>
/// Stable Diffusion's safety checker: by how much the cosine of the image with the nearest concept is above that concept's threshold. Above 0 the reference calls the image unsafe.
/// </summary>
public sealed class SafetyChecker : IJudge
{
    private const string Type = "safety_checker";
    private const double SpecialCare = 0.01; // what one special concept adds for all concepts after it
    private const int Digits = 3; // to which the reference rounds before it compares

    private readonly ImageNetwork _network;

    private SafetyChecker(ImageNetwork network) => (_network, Name, Fingerprint) = (network, network.Metadata.Text("checkpoint"), network.Metadata.Text("fingerprint"));

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public JudgeScale Scale { get; } = new("cosine above the nearest concept's threshold", -1, 1);

    /// <summary>Loads the graph of a checkpoint's folder; weights are mapped from its files.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="options">Device, threads, batch.</param>
    /// <exception cref="InferenceException">The graph is missing, of another kind or version, the device is not there, an option is out of range.</exception>
    public static SafetyChecker Load(string checkpoint, JudgeOptions options) => new(ImageNetwork.Load(
        checkpoint, Type, options, "special_care_embeds_cosines", "special_care_embeds_thresholds", "concept_embeds_cosines", "concept_embeds_thresholds"));

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return _network.Run(images.Images, outputs => Margin(outputs[0], outputs[1], outputs[2], outputs[3]), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    /// <summary>The greatest difference of a concept's cosine and threshold, with what special concepts add.</summary>
    internal static double Margin(ReadOnlySpan<float> special, ReadOnlySpan<float> specialThresholds, ReadOnlySpan<float> concepts, ReadOnlySpan<float> thresholds)
    {
        var added = 0.0;
        for (var i = 0; i < special.Length; i++)
        {
            if (Math.Round(special[i] - (double)specialThresholds[i] + added, Digits) > 0)
                added = SpecialCare;
        }

        var nearest = double.NegativeInfinity;
        for (var i = 0; i < concepts.Length; i++)
            nearest = Math.Max(nearest, Math.Round(concepts[i] - (double)thresholds[i] + added, Digits));
        return nearest;
    }
}
