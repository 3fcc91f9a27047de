namespace Sana.GraphBuilder.Configs;

/// <summary>The tensors of a ViTModel, in forward order.</summary>
internal static class VitTensors
{
    /// <param name="vit">Of the network.</param>
    /// <param name="name">What the names begin with.</param>
    public static IEnumerable<ExpectedTensor> All(VitConfig vit, string name)
    {
        var d = vit.HiddenSize;
        IEnumerable<ExpectedTensor> embeddings =
        [
            new($"{name}.embeddings.cls_token", 1, 1, d),
            new($"{name}.embeddings.patch_embeddings.projection.weight", d, 3, vit.PatchSize, vit.PatchSize),
            new($"{name}.embeddings.patch_embeddings.projection.bias", d),
            new($"{name}.embeddings.position_embeddings", 1, vit.Tokens, d),
        ];
        return embeddings
            .Concat(Enumerable.Range(0, vit.NumHiddenLayers).SelectMany(i => Layer(vit, $"{name}.encoder.layer.{i}")))
            .Concat(Norm($"{name}.layernorm", d));
    }

    public static ExpectedTensor[] Norm(string name, long width) => [new($"{name}.weight", width), new($"{name}.bias", width)];

    public static ExpectedTensor[] Linear(string name, long from, long to, bool bias = true) =>
        bias ? [new($"{name}.weight", to, from), new($"{name}.bias", to)] : [new($"{name}.weight", to, from)];

    private static ExpectedTensor[] Layer(VitConfig config, string name)
    {
        var (d, h, bias) = (config.HiddenSize, config.IntermediateSize, config.QkvBias);
        return
        [
            .. Norm($"{name}.layernorm_before", d),
            .. Linear($"{name}.attention.attention.query", d, d, bias),
            .. Linear($"{name}.attention.attention.key", d, d, bias),
            .. Linear($"{name}.attention.attention.value", d, d, bias),
            .. Linear($"{name}.attention.output.dense", d, d),
            .. Norm($"{name}.layernorm_after", d),
            .. Linear($"{name}.intermediate.dense", d, h),
            .. Linear($"{name}.output.dense", h, d),
        ];
    }
}
