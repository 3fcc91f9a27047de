using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The frozen autoencoder as the transformer's training sees it: latents are scaled.</summary>
/// <param name="Encode">Images [b, 3, h, w] in −1…1 to latents [b, channels, h / compression, w / compression] of a deviation near 1.</param>
/// <param name="Decode">The way back.</param>
/// <param name="Channels">Of the latents.</param>
/// <param name="Compression">Pixels a latent cell, each way.</param>
internal sealed record LatentCode(Func<Tensor, Tensor> Encode, Func<Tensor, Tensor> Decode, int Channels, int Compression);
