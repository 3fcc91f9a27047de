using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>An image classifier: transformers' ViTForImageClassification, with its tensor names.</summary>
internal sealed class ClassifierModule : CheckpointModule
{
    private readonly Vit _vit;
    private readonly Linear _classifier;

    public ClassifierModule(VisionSizes sizes, int labels)
        : base(nameof(ClassifierModule))
    {
        Sizes = sizes;
        _vit = new Vit(this, "vit", sizes);
        _classifier = At("classifier", Linear(sizes.Width, labels));
    }

    public VisionSizes Sizes { get; }

    /// <summary>Normalised pixels [b, 3, side, side] to logits [b, labels].</summary>
    public Tensor Forward(Tensor pixels) => _classifier.forward(_vit.Forward(pixels)[.., 0]);
}

/// <summary>Layers that give a vector of CLIP a score, with the tensor names of LAION's <c>reluMSE</c>.</summary>
internal sealed class AestheticModule : CheckpointModule
{
    private static readonly int[] Places = [0, 3, 6, 9, 11];
    private static readonly int[] Widths = [64, 32, 16, 8, 1];
    private readonly Linear[] _layers;

    /// <param name="width">Numbers of a vector.</param>
    public AestheticModule(int width)
        : base(nameof(AestheticModule)) =>
        _layers = [.. Places.Select((place, i) => At($"layers.{place}", Linear(i == 0 ? width : Widths[i - 1], Widths[i])))];

    /// <summary>Vectors of length 1 [b, width] to scores [b].</summary>
    public Tensor Forward(Tensor vectors)
    {
        var x = vectors;
        foreach (var layer in _layers[..^1])
            x = functional.relu(layer.forward(x)); // [b, 64], [b, 32], [b, 16], [b, 8]
        return _layers[^1].forward(x).squeeze(1); // [b]
    }
}
