using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The latents of many scenes at one size, made once and kept in a file: scene i is that of seed first + i.</summary>
internal sealed class SceneLatents
{
    private const int Chunk = 64;

    private SceneLatents(Tensor all, ulong first) => (All, First) = (all, first);

    /// <summary>[scenes, c, h, w], float32.</summary>
    public Tensor All { get; }

    /// <summary>Seed of the first scene.</summary>
    public ulong First { get; }

    public long Count => All.shape[0];

    /// <summary>Reads the file or makes it; what is there of a cut run is used.</summary>
    /// <param name="folder">One file for every part of the scenes.</param>
    /// <param name="encode">Images [b, 3, side, side] in −1…1 to latents [b, c, h, w].</param>
    /// <param name="side">Pixels.</param>
    /// <param name="first">Seed of the first scene.</param>
    /// <param name="count">Scenes.</param>
    public static SceneLatents Prepare(string folder, Func<Tensor, Tensor> encode, int side, ulong first, int count)
    {
        const int part = 4_096;
        using var noGradient = no_grad();
        var parts = new List<Tensor>();
        for (var at = 0; at < count; at += part)
        {
            var path = Path.Combine(folder, $"{side}-{first + (ulong)at}-{Math.Min(part, count - at)}.safetensors");
            if (!File.Exists(path))
            {
                using var scope = NewDisposeScope();
                SafetensorsFile.Save(path, [("latents", Encode(encode, side, first + (ulong)at, Math.Min(part, count - at)))], half: true);
                Console.WriteLine($"latents of {at + part} scenes at {side} pixels");
            }

            parts.Add(SafetensorsFile.Load(path)["latents"].to_type(float32));
        }

        return new(cat(parts).DetachFromDisposeScope(), first);
    }

    private static Tensor Encode(Func<Tensor, Tensor> encode, int side, ulong first, int count)
    {
        var latents = new List<Tensor>();
        for (var at = 0; at < count; at += Chunk)
        {
            using var scope = NewDisposeScope();
            var pixels = ScenePictures.Render(first + (ulong)at, Math.Min(Chunk, count - at), side);
            latents.Add(encode(ScenePictures.ToTensor(pixels, side)).MoveToOuterDisposeScope());
        }

        return cat(latents);
    }
}
