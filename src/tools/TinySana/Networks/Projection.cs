using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Linear layers as every network here begins them: Xavier's uniform weights and no bias, or a bias of 0.</summary>
internal static class Projection
{
    public static Linear Of(long from, long to, bool bias = false)
    {
        var linear = nn.Linear(from, to, hasBias: bias);
        nn.init.xavier_uniform_(linear.weight!);
        if (bias)
            nn.init.zeros_(linear.bias!);
        return linear;
    }

    /// <summary>The same with every weight 0: a branch that begins by adding nothing.</summary>
    public static Linear Silent(long from, long to)
    {
        var linear = Of(from, to, bias: true);
        nn.init.zeros_(linear.weight!);
        return linear;
    }
}
