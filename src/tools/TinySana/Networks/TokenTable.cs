using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Rows for ids.</summary>
internal static class TokenTable
{
    /// <summary>Ids [b, s] to the rows [b, s, d] of a table [vocab, d].</summary>
    public static Tensor Rows(Parameter table, Tensor ids) => table.index_select(0, ids.flatten()).reshape(ids.shape[0], ids.shape[1], -1);
}
