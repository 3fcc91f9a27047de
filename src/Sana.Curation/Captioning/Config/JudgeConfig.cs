using System.Text.Json.Nodes;

namespace Sana.Curation.Captioning.Config;

/// <summary>What a judge of images is.</summary>
public enum JudgeKind
{
    /// <summary>LAION's layers on CLIP's vector: about 1…10.</summary>
    Aesthetic,

    /// <summary>An image classifier (ViTForImageClassification): the probability of one of its labels.</summary>
    Classifier,

    /// <summary>Stable Diffusion's safety checker: by how much the nearest concept is above its threshold.</summary>
    SafetyChecker,
}

/// <summary>One judge of <c>captioners.json</c>, checked. Only <see cref="CaptionerFile"/> makes one.</summary>
public sealed record JudgeConfig
{
    internal JudgeConfig()
    {
    }

    /// <value>Its part of the column's name: a-z, 0-9, hyphens and underscores, 1…64. Unique among the judges of the file.</value>
    public required string Label { get; init; }

    /// <value>What it is.</value>
    public required JudgeKind Kind { get; init; }

    /// <value>Folder of its checkpoint, or a repository of the Hub (<c>owner/name[@revision]</c>); of the kind <c>aesthetic</c> also its .safetensors file.</value>
    public required string Checkpoint { get; init; }

    /// <value>The label of the network whose probability is the score, for the kind <c>classifier</c>.</value>
    public string? Class { get; init; }

    /// <value>The CLIP whose vectors are read, for the kind <c>aesthetic</c>: a folder or repository. Null: that of the run's scores.</value>
    public string? Clip { get; init; }

    /// <value>An image that scores less is left out; null for no limit.</value>
    public double? Min { get; init; }

    /// <value>An image that scores more is left out; null for no limit.</value>
    public double? Max { get; init; }

    /// <summary><c>aesthetic</c>, <c>classifier</c> or <c>safety-checker</c>.</summary>
    public string KindName => Kind switch
    {
        JudgeKind.Aesthetic => "aesthetic",
        JudgeKind.Classifier => "classifier",
        _ => "safety-checker",
    };

    /// <summary>Name of the column of its scores, such as <c>aesthetic__laion-v2</c>: the kind says which scale it is.</summary>
    public string Column => $"{KindName.Replace('-', '_')}__{Label}";

    /// <summary>Everything that its scores, and which images stay, depend on.</summary>
    public JsonObject Identity() => new()
    {
        ["label"] = Label,
        ["kind"] = KindName,
        ["checkpoint"] = Checkpoint,
        ["class"] = Class,
        ["clip"] = Clip,
        ["min"] = Min,
        ["max"] = Max,
    };

    internal static JudgeConfig Read(ConfigPart part)
    {
        var label = part.Needed("label", 64);
        if (!label.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter is '-' or '_'))
            throw part.Refuse("label", $"is \"{ConfigPart.Shorten(label)}\"; it becomes part of a column's name and takes a-z, 0-9, hyphens and underscores");
        part.Needed("kind");
        var kind = part.Choice("kind", "", "aesthetic", "classifier", "safety-checker") switch
        {
            "aesthetic" => JudgeKind.Aesthetic,
            "classifier" => JudgeKind.Classifier,
            _ => JudgeKind.SafetyChecker,
        };
        var one = new JudgeConfig
        {
            Label = label,
            Kind = kind,
            Checkpoint = part.Needed("checkpoint", 2000),
            Class = part.Text("class"),
            Clip = part.Text("clip", 2000),
            Min = part.Number("min", -1000, 1000),
            Max = part.Number("max", -1000, 1000),
        };
        part.Close();
        if ((kind == JudgeKind.Classifier) != (one.Class is not null))
            throw part.Refuse("class", kind == JudgeKind.Classifier ? "is missing; name the label of the network whose probability is the score, such as nsfw" : "belongs to the kind classifier; take it out");
        if (kind != JudgeKind.Aesthetic && one.Clip is not null)
            throw part.Refuse("clip", "belongs to the kind aesthetic; take it out");
        return one is { Min: { } min, Max: { } max } && min > max
            ? throw part.Refuse("min", FormattableString.Invariant($"is {min}, more than max {max}, so no image would stay; lower it"))
            : one;
    }
}
