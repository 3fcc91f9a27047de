using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>The deep-compression autoencoder (DC-AE, arXiv:2410.10733; diffusers' AutoencoderDC). Its decoder is loaded: latents to images, whole or in tiles.</summary>
internal sealed class AutoencoderDC(OnnxModel decoder) : IDisposable
{
    private const string Latents = "latent_sample";
    private const string Sample = "sample";

    /// <summary>Diffusion latents are the autoencoder's latents multiplied by this.</summary>
    public float ScalingFactor => (float)decoder.Metadata.Number("scaling_factor");

    /// <summary>Pixels a latent cell.</summary>
    public int SpatialCompression => (int)decoder.Metadata.Number("spatial_compression");

    public static AutoencoderDC Load(string decoderFile, OnnxModelOptions options) => new(OnnxModel.Load(decoderFile, options, Latents, Sample));

    /// <summary>Latents [b, channels, h, w], not scaled, to images [b, 3, k·h, k·w] around −1…1; k is <see cref="SpatialCompression"/>.</summary>
    public FloatTensor Decode(FloatTensor latents, CancellationToken cancellationToken = default)
    {
        using var input = latents.ToOrtValue();
        using var outputs = decoder.Run([(Latents, input)], [Sample], cancellationToken);
        return FloatTensor.From(outputs[0]);
    }

    /// <summary>The same for one image in overlapping tiles, if it is larger than one tile. Needs no more memory than one tile.</summary>
    public FloatTensor Decode(FloatTensor latents, Tiling tiling, CancellationToken cancellationToken = default)
    {
        var (size, stride) = (tiling.Size / SpatialCompression, tiling.Stride / SpatialCompression);
        return latents.Shape[2] <= size && latents.Shape[3] <= size
            ? Decode(latents, cancellationToken)
            : Tiles.Run(latents, size, stride, tile => Decode(tile, cancellationToken));
    }

    public void Dispose() => decoder.Dispose();
}

/// <summary>Tiles of an image, in pixels; both multiples of 32.</summary>
/// <param name="Size">Side of a tile.</param>
/// <param name="Stride">From one tile to the next. Where two tiles overlap they are blended.</param>
internal readonly record struct Tiling(int Size, int Stride)
{
    /// <summary>About 2 GB of memory for a tile; diffusers' setting for 4K images.</summary>
    public static Tiling Default { get; } = new(1024, 896);
}

/// <summary>
/// Runs a network over overlapping tiles and blends each linearly, first with the tile above it and then with the tile to its left; both are blended already (diffusers'
/// AutoencoderDC.tiled_decode). Beside the result it holds one row of tiles.
/// </summary>
internal static class Tiles
{
    public static FloatTensor Run(FloatTensor x, int size, int stride, Func<FloatTensor, FloatTensor> network)
    {
        var (height, width) = ((int)x.Shape[2], (int)x.Shape[3]);
        FloatTensor? result = null;
        FloatTensor[] above = [];
        for (var top = 0; top < height; top += stride)
        {
            var row = new List<FloatTensor>();
            for (var left = 0; left < width; left += stride)
            {
                var window = Crop(x, top, left, Math.Min(size, height - top), Math.Min(size, width - left));
                var tile = network(window);
                // Output pixels for one input pixel, as a ratio: the network enlarges or shrinks.
                (long Out, long In) ratio = (tile.Shape[2], window.Shape[2]);
                var overlap = (int)((size - stride) * ratio.Out / ratio.In);
                if (top > 0)
                    BlendRows(above[row.Count], tile, overlap);

                if (left > 0)
                    BlendColumns(row[^1], tile, overlap);

                row.Add(tile);
                result ??= FloatTensor.Zeros(1, tile.Shape[1], height * ratio.Out / ratio.In, width * ratio.Out / ratio.In);
                var step = (int)(stride * ratio.Out / ratio.In);
                Paste(tile, result.Value, (int)(top * ratio.Out / ratio.In), (int)(left * ratio.Out / ratio.In), step);
            }

            above = [.. row];
        }

        return result!.Value;
    }

    private static FloatTensor Crop(FloatTensor x, int top, int left, int height, int width)
    {
        var crop = FloatTensor.Zeros(1, x.Shape[1], height, width);
        for (var row = 0; row < x.Shape[1] * height; row++)
        {
            var (channel, y) = (row / height, row % height);
            x.Data.AsSpan((int)((((channel * x.Shape[2]) + top + y) * x.Shape[3]) + left), width).CopyTo(crop.Data.AsSpan(row * width));
        }

        return crop;
    }

    private static void Paste(FloatTensor tile, FloatTensor result, int top, int left, int limit)
    {
        var height = (int)Math.Min(Math.Min(limit, tile.Shape[2]), result.Shape[2] - top);
        var width = (int)Math.Min(Math.Min(limit, tile.Shape[3]), result.Shape[3] - left);
        for (var channel = 0; channel < tile.Shape[1]; channel++)
        {
            for (var y = 0; y < height; y++)
            {
                var source = (int)(((channel * tile.Shape[2]) + y) * tile.Shape[3]);
                var target = (int)((((channel * result.Shape[2]) + top + y) * result.Shape[3]) + left);
                tile.Data.AsSpan(source, width).CopyTo(result.Data.AsSpan(target));
            }
        }
    }

    private static void BlendRows(FloatTensor above, FloatTensor tile, int overlap)
    {
        var blend = (int)Math.Min(Math.Min(above.Shape[2], tile.Shape[2]), overlap);
        var width = (int)tile.Shape[3];
        for (var channel = 0; channel < tile.Shape[1]; channel++)
        {
            for (var y = 0; y < blend; y++)
            {
                var (keep, take) = (1f - ((float)y / blend), (float)y / blend);
                var a = above.Data.AsSpan((int)(((channel * above.Shape[2]) + above.Shape[2] - blend + y) * width), width);
                var b = tile.Data.AsSpan((int)(((channel * tile.Shape[2]) + y) * width), width);
                for (var i = 0; i < width; i++)
                    b[i] = (a[i] * keep) + (b[i] * take);
            }
        }
    }

    private static void BlendColumns(FloatTensor before, FloatTensor tile, int overlap)
    {
        var blend = (int)Math.Min(Math.Min(before.Shape[3], tile.Shape[3]), overlap);
        for (var row = 0; row < tile.Shape[1] * tile.Shape[2]; row++)
        {
            var a = before.Data.AsSpan((int)(((row + 1) * before.Shape[3]) - blend), blend);
            var b = tile.Data.AsSpan((int)(row * tile.Shape[3]), blend);
            for (var i = 0; i < blend; i++)
                b[i] = (a[i] * (1f - ((float)i / blend))) + (b[i] * ((float)i / blend));
        }
    }
}
