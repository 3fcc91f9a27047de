using static TorchSharp.torch;

namespace TinySana.Torch;

// Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the scale by which it goes with AdamW's learning rate is that of Liu et al. 2025 (arXiv:2502.16982, equation 4).

/// <summary>
/// Muon: a matrix moves along the nearest orthogonal matrix of its momentum, so that all its directions are learned alike. Five Newton-Schulz steps find it without a decomposition.
/// </summary>
internal sealed class OrthogonalUpdates
{
    private const int Iterations = 5;
    private const double Scale = 0.2; // the mean size of an AdamW step
    private const double Momentum = 0.9;

    private readonly (long Rows, long Columns, long[] Offsets)[] _groups;

    /// <param name="parameters">All.</param>
    /// <param name="chosen">Names of the matrices that move so.</param>
    public OrthogonalUpdates(FlatParameters parameters, Func<string, bool> chosen) =>
        _groups = [.. parameters.Parts.Where(part => part.Shape.Length == 2 && chosen(part.Name)).GroupBy(part => (part.Shape[0], part.Shape[1]))
            .Select(group => (group.Key.Item1, group.Key.Item2, group.Select(part => part.Offset).ToArray()))];

    /// <summary>Puts the chosen matrices' updates, of a mean size like AdamW's, in the place of what stands there.</summary>
    /// <param name="updates">[all], changed.</param>
    /// <param name="momentum">[all].</param>
    /// <param name="gradients">[all].</param>
    public void Replace(Tensor updates, Tensor momentum, Tensor gradients)
    {
        if (_groups.Length == 0)
            return;
        var ahead = lerp(gradients, momentum, Momentum); // Nesterov's
        foreach (var (rows, columns, offsets) in _groups)
        {
            var x = stack([.. offsets.Select(offset => ahead.narrow(0, offset, rows * columns).view(rows, columns))]); // [k, rows, columns]
            x = rows > columns ? Orthogonal(x.transpose(1, 2)).transpose(1, 2) : Orthogonal(x);
            x = x * (Scale * Math.Sqrt(Math.Max(rows, columns)));
            for (var i = 0; i < offsets.Length; i++)
                updates.narrow(0, offsets[i], rows * columns).view(rows, columns).copy_(x[i]);
        }
    }

    private static Tensor Orthogonal(Tensor x)
    {
        const double a = 3.4445, b = -4.7750, c = 2.0315; // a quintic that takes singular values to about 1
        x = x / (x.square().sum([1, 2], keepdim: true).sqrt() + 1e-7);
        for (var i = 0; i < Iterations; i++)
        {
            var gram = matmul(x, x.transpose(1, 2));
            x = (a * x) + matmul((b * gram) + (c * matmul(gram, gram)), x);
        }

        return x;
    }
}
