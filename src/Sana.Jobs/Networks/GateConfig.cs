using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation;
using Sana.Curation.Captioning.Config;
using Sana.Storage;

namespace Sana.Jobs.Networks;

/// <summary>Who judges every generated image before it is written, and what becomes of one that is outside a limit.</summary>
public sealed record GateConfig
{
    /// <summary>An image outside a limit is not written.</summary>
    public const string Withhold = "withhold";

    /// <summary>An image outside a limit is written under <c>quarantine/</c>, and is nowhere linked or served.</summary>
    public const string Quarantine = "quarantine";

    private GateConfig(IReadOnlyList<JudgeConfig> judges, string outside) => (Judges, OutsideLimits) = (judges, outside);

    /// <value>In the order of the file.</value>
    public IReadOnlyList<JudgeConfig> Judges { get; }

    /// <value><see cref="Withhold"/> or <see cref="Quarantine"/>.</value>
    public string OutsideLimits { get; }

    /// <summary>The judges of a file such as <c>captioners.json</c>; its captioners are not looked at.</summary>
    /// <param name="path">Of the file.</param>
    /// <param name="outside">What becomes of an image outside a limit; null for <see cref="Withhold"/>.</param>
    /// <exception cref="SanaException">The file cannot be read, or a value cannot be used.</exception>
    public static GateConfig Load(string path, string? outside)
    {
        try
        {
            return Of(CaptionerFile.Load(path).Judges, outside);
        }
        catch (CurationException error)
        {
            throw new SanaException(error.Message, error);
        }
    }

    /// <summary>The judges of a setting: the path of such a file, the list of its judges, or the whole object.</summary>
    /// <param name="text">A path, or JSON that begins with a bracket or a brace.</param>
    /// <param name="setting">Its name in sentences.</param>
    /// <param name="outside">As for <see cref="Load"/>.</param>
    /// <exception cref="SanaException">As for <see cref="Load"/>.</exception>
    public static GateConfig Parse(string text, string setting, string? outside)
    {
        ArgumentNullException.ThrowIfNull(text);
        var json = text.TrimStart();
        if (json.Length == 0 || json[0] is not ('[' or '{'))
            return Load(text, outside);
        try
        {
            return Of(CaptionerFile.Parse(json[0] == '[' ? $"{{\"judges\":{json}}}" : json).Judges, outside);
        }
        catch (CurationException error)
        {
            throw new SanaException($"{setting}: {error.Message}", error);
        }
    }

    /// <summary>The word for what becomes of an image outside a limit; null for null.</summary>
    /// <exception cref="SanaException">It is none of the two.</exception>
    public static string? Checked(string? outside, string setting) => outside is null or Withhold or Quarantine
        ? outside
        : throw new SanaException($"{setting} is '{(outside.Length > 40 ? outside[..40] + "…" : outside)}'; use {Withhold} or {Quarantine}.");

    private static GateConfig Of(IReadOnlyList<JudgeConfig> judges, string? outside)
    {
        if (judges.Count == 0)
            throw new SanaException("There are no judges in it; name at least one under \"judges\".");
        if (judges.FirstOrDefault(judge => judge is { Kind: JudgeKind.Aesthetic, Clip: null }) is { } blind)
            throw new SanaException($"The judge '{blind.Label}' reads vectors of CLIP: give its \"clip\", the folder or repository of the CLIP that it was trained on.");
        return new GateConfig(judges, Checked(outside, "outside_limits") ?? Withhold);
    }
}

/// <summary>A gate as plans, records and manifests state it.</summary>
/// <param name="Judges">In their order.</param>
/// <param name="OutsideLimits">What becomes of an image outside a limit: <see cref="GateConfig.Withhold"/> or <see cref="GateConfig.Quarantine"/>.</param>
public sealed record GateCard(IReadOnlyList<JudgeCard> Judges, string OutsideLimits)
{
    /// <summary>Whether an image can be outside: a judge without limits only writes its scores down.</summary>
    [JsonIgnore]
    public bool HasLimits => Judges.Any(judge => judge.Min is not null || judge.Max is not null);

    /// <summary>The fingerprint of a checkpoint with this gate: what is judged otherwise is another run.</summary>
    /// <param name="checkpoint">The checkpoint's own.</param>
    public string FingerprintWith(string checkpoint) => Digest.Sha256(string.Join('\n', Judges.Select(Decisive).Prepend(OutsideLimits).Prepend($"{checkpoint} judged")));

    // Names of checkpoints are those of folders, which can be moved: the fingerprint decides.
    private static string Decisive(JudgeCard judge) => JsonSerializer.Serialize(
        new[] { judge.Label, judge.Kind, judge.Fingerprint, judge.Class, Text(judge.Min), Text(judge.Max) });

    private static string? Text(double? limit) => limit?.ToString("R", CultureInfo.InvariantCulture);
}
