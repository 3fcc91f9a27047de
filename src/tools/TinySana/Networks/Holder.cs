using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>A level of a checkpoint's names that does nothing of its own, such as <c>emb</c> or the <c>0</c> of <c>to_out.0</c>.</summary>
internal sealed class Holder : nn.Module
{
    public Holder(string name, nn.Module module)
        : base(nameof(Holder)) => register_module(name, module);
}
