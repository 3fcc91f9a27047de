using Sana.GraphBuilder.Models;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

[Trait("Category", "Parity")]
public sealed class AutoencoderParityTests
{
    public static IEnumerable<TheoryDataRow<string, string>> Images() =>
        from checkpoint in ReferenceCheckpoint.Names
        let expected = SafetensorsReader.Open("expected", $"{checkpoint}.safetensors")
        from name in expected.Names
        where name.StartsWith("vae.", StringComparison.Ordinal) && name.EndsWith(".image", StringComparison.Ordinal)
        select new TheoryDataRow<string, string>(checkpoint, name["vae.".Length..^".image".Length]);

    public static IEnumerable<TheoryDataRow<string>> Tiled() =>
        from checkpoint in ReferenceCheckpoint.Names
        where SafetensorsReader.Open("expected", $"{checkpoint}.safetensors").Has("vae.tiled.latent")
        select new TheoryDataRow<string>(checkpoint);

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Images))]
    public void Image_is_encoded(string checkpoint, string image)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var network = reference.Load(SanaGraphs.Encoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights, _ => true), "vae");
        using var sample = Planes(reference, $"vae.{image}.image").ToOrtValue();

        using var outputs = network.Run([("sample", sample)], [.. network.Outputs], default);

        Close.To(reference.Expected.Floats($"vae.{image}.latent"), outputs[network.Outputs.ToList().IndexOf("latent_sample")].GetTensorDataAsSpan<float>(), ReferenceCheckpoint.AutoencoderTolerance);
        foreach (var stage in reference.Between($"vae.{image}.encoder.", ""))
        {
            var output = outputs[network.Outputs.ToList().IndexOf($"encoder.down_blocks.{stage}")];
            Close.To(reference.Expected.Floats($"vae.{image}.encoder.{stage}"), output.GetTensorDataAsSpan<float>(), ReferenceCheckpoint.AutoencoderTolerance);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Images))]
    public void Latent_is_decoded(string checkpoint, string image)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var network = reference.Load(SanaGraphs.Decoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights, _ => true), "vae");
        using var latent = reference.Tensor($"vae.{image}.latent").ToOrtValue();

        using var outputs = network.Run([("latent_sample", latent)], [.. network.Outputs], default);

        Close.To(reference.Expected.Floats($"vae.{image}.decoded"), outputs[network.Outputs.ToList().IndexOf("sample")].GetTensorDataAsSpan<float>(), ReferenceCheckpoint.AutoencoderTolerance);
        foreach (var stage in reference.Between($"vae.{image}.decoder.", ""))
        {
            var output = outputs[network.Outputs.ToList().IndexOf($"decoder.up_blocks.{stage}")];
            Close.To(reference.Expected.Floats($"vae.{image}.decoder.{stage}"), output.GetTensorDataAsSpan<float>(), ReferenceCheckpoint.AutoencoderTolerance);
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Tiled))]
    public void Large_latent_is_decoded_in_tiles(string checkpoint)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var autoencoder = new AutoencoderDC(reference.LoadWithMetadata(SanaGraphs.Decoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights), "vae"));

        var decoded = autoencoder.Decode(reference.Tensor("vae.tiled.latent"), TilingOf(reference));

        PartlyStored.Check(reference, "vae.tiled.decoded", decoded, ReferenceCheckpoint.AutoencoderTolerance);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Tiled))]
    public void Large_image_is_encoded_in_tiles(string checkpoint)
    {
        using var reference = new ReferenceCheckpoint(checkpoint);
        var encoder = reference.Load(SanaGraphs.Encoder(reference.Files.Autoencoder, reference.Files.AutoencoderWeights), "vae");
        var tiling = TilingOf(reference);

        var latent = Tiles.Run(Enlarged(reference.Tensor("vae.tiled.image.8"), 8), tiling.Size, tiling.Stride, Encode);

        Close.To(reference.Expected.Floats("vae.tiled.encoded"), latent.Data, ReferenceCheckpoint.AutoencoderTolerance);

        FloatTensor Encode(FloatTensor tile)
        {
            using var sample = tile.ToOrtValue();
            using var outputs = encoder.Run([("sample", sample)], ["latent_sample"], default);
            return FloatTensor.From(outputs[0]);
        }
    }

    private static Tiling TilingOf(ReferenceCheckpoint reference)
    {
        var tiling = reference.Json.GetProperty("tiling");
        return new Tiling(tiling.GetProperty("tile_sample_min").GetInt32(), tiling.GetProperty("tile_sample_stride").GetInt32());
    }

    private static FloatTensor Planes(ReferenceCheckpoint reference, string name)
    {
        var shape = reference.Expected.Shape(name); // [height, width, 3]
        var planes = FloatTensor.Zeros(1, 3, shape[0], shape[1]);
        Pixels.ToPlanes(new RgbImage(shape[1], shape[0], reference.Expected.Bytes(name).ToArray()), planes.Data);
        return planes;
    }

    private static FloatTensor Enlarged(FloatTensor small, int times)
    {
        var (height, width) = (small.Shape[2] * times, small.Shape[3] * times);
        var large = FloatTensor.Zeros(1, small.Shape[1], height, width);
        for (var i = 0L; i < large.Data.Length; i++)
        {
            var (plane, y, x) = (i / (height * width), i / width % height, i % width);
            large.Data[i] = small.Data[(((plane * small.Shape[2]) + (y / times)) * small.Shape[3]) + (x / times)];
        }

        return large;
    }
}
