using System.Text.Json.Nodes;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;

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

    /// <summary>CLIP or SigLIP 2: 100 × cosine of image and prompt. Of generated images only.</summary>
    Clip,

    /// <summary>A language model (Gemma2ForCausalLM, as ShieldGemma): the probability that a prompt violates a policy. Of generated images only.</summary>
    Prompt,

    /// <summary>Somebody's own ONNX graph, with a description of what it reads and which of its numbers counts.</summary>
    Onnx,
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

    /// <value>Folder of its checkpoint, or a repository of the Hub (<c>owner/name[@revision]</c>); of the kind <c>aesthetic</c> also its .safetensors file; of the kind <c>onnx</c> the .onnx file.</value>
    public required string Checkpoint { get; init; }

    /// <value>The label of the network whose probability is the score, for the kind <c>classifier</c>.</value>
    public string? Class { get; init; }

    /// <value>What prompts must not ask for, of the kind <c>prompt</c>: <c>dangerous</c>, <c>harassment</c>, <c>hate</c>, <c>sexual</c>, or a policy in your words of at most 2,000 characters.</value>
    public string? Policy { get; init; }

    /// <value>The CLIP whose vectors are read, for the kind <c>aesthetic</c>: a folder or repository. Null: that of the run's scores.</value>
    public string? Clip { get; init; }

    /// <value>What the layers of its CLIP or SigLIP 2 compute in, <see cref="Precision.Float32"/> or <see cref="Precision.W8A8"/>, for the kind <c>clip</c>, and for the kind <c>aesthetic</c> with a <see cref="Clip"/>. Default float32.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <value>What the graph reads and gives, for the kind <c>onnx</c>; null for other kinds.</value>
    public OnnxJudgeOptions? Graph { get; init; }

    /// <value>An image that scores less is left out; null for no limit.</value>
    public double? Min { get; init; }

    /// <value>An image that scores more is left out; null for no limit.</value>
    public double? Max { get; init; }

    /// <summary><c>aesthetic</c>, <c>classifier</c>, <c>safety-checker</c>, <c>clip</c>, <c>prompt</c> or <c>onnx</c>.</summary>
    public string KindName => Kind switch
    {
        JudgeKind.Aesthetic => "aesthetic",
        JudgeKind.Classifier => "classifier",
        JudgeKind.Onnx => "onnx",
        JudgeKind.Clip => "clip",
        JudgeKind.Prompt => "prompt",
        _ => "safety-checker",
    };

    /// <summary>Name of the column of its scores, such as <c>aesthetic__laion-v2</c>: the kind says which scale it is.</summary>
    public string Column => $"{KindName.Replace('-', '_')}__{Label}";

    /// <summary>Everything that its scores, and which images stay, depend on.</summary>
    public JsonObject Identity()
    {
        var identity = IdentityInFloat32();
        // Judges of earlier versions of the program have no such setting.
        if (Precision != Precision.Float32)
            identity["precision"] = Precision.Word();
        return identity;
    }

    private JsonObject IdentityInFloat32() => new()
    {
        ["label"] = Label,
        ["kind"] = KindName,
        ["checkpoint"] = Checkpoint,
        ["class"] = Class,
        ["clip"] = Clip,
        ["min"] = Min,
        ["max"] = Max,
        ["graph"] = Graph is not { } graph ? null : new JsonObject
        {
            ["size"] = graph.Size,
            ["channels"] = graph.IsBgr ? "bgr" : "rgb",
            ["layout"] = graph.IsNhwc ? "nhwc" : "nchw",
            ["resample"] = graph.IsBicubic ? "bicubic" : "bilinear",
            ["rescale"] = graph.Rescale,
            ["mean"] = new JsonArray([.. graph.Mean.Select(number => (JsonNode)number)]),
            ["std"] = new JsonArray([.. graph.Std.Select(number => (JsonNode)number)]),
            ["output"] = graph.Output,
            ["index"] = graph.Index,
            ["activation"] = graph.Activation.ToString().ToLowerInvariant(),
        },
    };

    private static OnnxJudgeOptions ReadGraph(ConfigPart part)
    {
        var graph = new OnnxJudgeOptions
        {
            Size = part.Integer("size", 1, 4096) ?? throw part.Refuse("size", "is missing; it is the side in pixels of the square that the graph reads"),
            IsBgr = part.Choice("channels", "rgb", "rgb", "bgr") == "bgr",
            IsNhwc = part.Choice("layout", "nchw", "nchw", "nhwc") == "nhwc",
            IsBicubic = part.Choice("resample", "bilinear", "bilinear", "bicubic") == "bicubic",
            Rescale = part.Number("rescale", 1e-6, 1) ?? new OnnxJudgeOptions { Size = 1 }.Rescale,
            Mean = part.Numbers("mean", 3, -1000, 1000) ?? [0, 0, 0],
            Std = part.Numbers("std", 3, 1e-6, 1000) ?? [1, 1, 1],
            Output = part.Text("output"),
            Index = part.Integer("index", 0, 1_000_000) ?? 0,
            Activation = Enum.Parse<JudgeActivation>(part.Choice("activation", "none", "none", "sigmoid", "softmax"), ignoreCase: true),
        };
        part.Close();
        return graph;
    }

    internal static JudgeConfig Read(ConfigPart part)
    {
        var label = part.Needed("label", 64);
        if (!label.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter is '-' or '_'))
            throw part.Refuse("label", $"is \"{ConfigPart.Shorten(label)}\"; it becomes part of a column's name and takes a-z, 0-9, hyphens and underscores");
        part.Needed("kind");
        var kind = part.Choice("kind", "", "aesthetic", "classifier", "safety-checker", "clip", "prompt", "onnx") switch
        {
            "aesthetic" => JudgeKind.Aesthetic,
            "classifier" => JudgeKind.Classifier,
            "onnx" => JudgeKind.Onnx,
            "clip" => JudgeKind.Clip,
            "prompt" => JudgeKind.Prompt,
            _ => JudgeKind.SafetyChecker,
        };
        var precision = part.Choice("precision", "", [.. PrecisionName.OfCuration]);
        var one = new JudgeConfig
        {
            Label = label,
            Kind = kind,
            Checkpoint = part.Needed("checkpoint", 2000),
            Class = part.Text("class"),
            Policy = part.Text("policy", 2000),
            Clip = part.Text("clip", 2000),
            Precision = precision.Length > 0 ? PrecisionName.Parse(precision) : Precision.Float32,
            Graph = part.Object("graph") is { } graph ? ReadGraph(graph) : null,
            Min = part.Number("min", -1000, 1000),
            Max = part.Number("max", -1000, 1000),
        };
        part.Close();
        if ((kind == JudgeKind.Classifier) != (one.Class is not null))
            throw part.Refuse("class", kind == JudgeKind.Classifier ? "is missing; name the label of the network whose probability is the score, such as nsfw" : "belongs to the kind classifier; take it out");
        if ((kind == JudgeKind.Prompt) != (one.Policy is not null))
            throw part.Refuse("policy", kind == JudgeKind.Prompt ? $"is missing; say what prompts must not ask for: {string.Join(", ", PromptJudge.Policies.Keys)}, or a policy in your words" : "belongs to the kind prompt; take it out");
        if (kind != JudgeKind.Aesthetic && one.Clip is not null)
            throw part.Refuse("clip", "belongs to the kind aesthetic; take it out");
        if (precision.Length > 0 && kind != JudgeKind.Clip && one.Clip is null)
            throw part.Refuse("precision", kind == JudgeKind.Aesthetic ? "is that of a CLIP of its own; name that (\"clip\"), or take it out: the run's CLIP has the run's" : "belongs to the kinds clip and aesthetic; take it out");
        if ((kind == JudgeKind.Onnx) != (one.Graph is not null))
            throw part.Refuse("graph", kind == JudgeKind.Onnx ? "is missing; it says what the graph reads, such as { \"size\": 224 }" : "belongs to the kind onnx; take it out");
        return one is { Min: { } min, Max: { } max } && min > max
            ? throw part.Refuse("min", FormattableString.Invariant($"is {min}, more than max {max}, so no image would stay; lower it"))
            : one;
    }
}
