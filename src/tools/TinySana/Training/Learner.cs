using TinySana.Networks;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>A network with the heads that one optimiser trains along with it. The heads are left behind.</summary>
internal sealed class Learner<T> : Network
    where T : Module
{
    /// <param name="name">Of the network in the training's checkpoint.</param>
    /// <param name="network">What is written in the end.</param>
    /// <param name="width">Of the states that the heads read.</param>
    public Learner(string name, T network, int width)
        : base(nameof(Learner<>))
    {
        Network = At(name, network);
        Heads = At("heads", new SceneHeads(width));
    }

    public T Network { get; }

    public SceneHeads Heads { get; }
}
