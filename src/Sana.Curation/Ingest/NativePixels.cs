using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>Decoded pixels in libvips' own memory, which both it and we look at: [height, width, 3]. They have no metadata.</summary>
internal sealed unsafe class NativePixels : IDisposable
{
    private readonly nint _memory;
    private readonly ulong _size;

    private NativePixels(nint memory, ulong size, int width, int height) => (_memory, _size, Width, Height) = (memory, size, width, height);

    public int Width { get; }

    public int Height { get; }

    /// <summary>Valid until disposed.</summary>
    public ReadOnlySpan<byte> Bytes => new((void*)_memory, checked((int)_size));

    /// <summary>Pulls every pixel through a pipeline of three 8-bit bands.</summary>
    public static NativePixels Of(Image pipeline)
    {
        var memory = pipeline.WriteToMemory(out var size);
        return new NativePixels(memory, size, pipeline.Width, pipeline.Height);
    }

    /// <summary>The image turned as EXIF's orientation says; pulls from these pixels, so dispose it first.</summary>
    public Image Upright(int orientation)
    {
        using var bare = Image.NewFromMemory(_memory, _size, Width, Height, 3, Enums.BandFormat.Uchar);
        using var stored = bare.Copy(interpretation: Enums.Interpretation.Srgb);
        if (orientation == 1)
            return stored.Copy();
        using var tagged = stored.Mutate(image => image.Set(GValue.GIntType, "orientation", orientation));
        return tagged.Autorot();
    }

    public void Dispose() => NetVips.NetVips.Free(_memory);
}
